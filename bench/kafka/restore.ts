/**
 * How long a new subscriber on Kafka needs until its first prediction, against the size of the model and the length of history.
 *
 *   npm run build && node --import tsx bench/kafka/restore.ts [--terms 100000,1000000] [--histories 1,3]
 *
 * A history of 1 shows each term once, ten to a text; a longer one repeats the same texts, so that the model keeps its terms and the
 * model topic grows. One partition. The first subscriber works the history off and ends; then one more text is sent, and a second
 * subscriber, a fresh process, is timed by its own log.
 */
import { parseArgs } from 'node:util';
import { printTable, rounded } from '../table.ts';
import { runOnCluster, type BenchCluster } from './cluster.ts';
import { measure, valenceWorker, type Progress, type Task, type WorkerCommand } from './workers.ts';

const TERMS_PER_TEXT = 10;
const SEND_RECORDS = 1000;

const { values: options } = parseArgs({
  options: {
    terms: { type: 'string', default: '100000,1000000' },
    histories: { type: 'string', default: '1,3' },
  },
});

async function send(cluster: BenchCluster, topic: string, terms: number, history: number) {
  const texts = Math.ceil(terms / TERMS_PER_TEXT);
  for (let round = 0; round < history; round++)
    for (let from = 0; from < texts; from += SEND_RECORDS) {
      const messages = Array.from({ length: Math.min(SEND_RECORDS, texts - from) }, (_, at) => {
        const first = (from + at) * TERMS_PER_TEXT;
        const words = Array.from(
          { length: TERMS_PER_TEXT },
          (__, i) => `w${(first + i).toString(36)}`,
        );
        const id = `${round}-${from + at}`;
        const label = at % 2 === 0 ? 'negative' : 'positive';
        return { key: id, value: JSON.stringify({ id, text: words.join(' '), label }) };
      });
      await cluster.producer.send({ topic, acks: -1, messages });
    }
  return texts * history;
}

/** The command, with a listener for what its log says besides. */
function heard(task: Task, onLine: (line: string) => void): WorkerCommand {
  const command = valenceWorker(task, { untilEnd: true });
  return {
    ...command,
    read: (line): Progress | undefined => {
      onLine(line);
      return command.read(line);
    },
  };
}

async function main(cluster: BenchCluster): Promise<void> {
  const rows: string[][] = [];
  for (const terms of options.terms.split(',').map(Number))
    for (const history of options.histories.split(',').map(Number)) {
      const source = `restore-${Date.now()}`;
      await cluster.create([source], 1);
      const task = { brokers: cluster.brokers, source, partitions: 1, name: source };
      const records = await send(cluster, source, terms, history);
      let snapshots = 0;
      const first = heard(task, (line) => {
        if (line.includes('"snapshot')) snapshots += 1;
      });
      const filled = await measure([first], records, cluster.brokerSeconds);
      const value = JSON.stringify({ id: 'last', text: 'w0 w1', label: 'negative' });
      await cluster.producer.send({ topic: source, acks: -1, messages: [{ key: 'last', value }] });
      let restored = Number.NaN;
      const second = heard(task, (line) => {
        if (!line.includes('partition restored')) return;
        const { durationMs }: { durationMs: number } = JSON.parse(line);
        restored = durationMs;
      });
      const again = await measure([second], 1, cluster.brokerSeconds);
      rows.push([
        rounded(terms),
        rounded(records),
        rounded(filled.recordsPerSecond),
        `${snapshots}`,
        (restored / 1000).toFixed(2),
        (1 / again.recordsPerSecond).toFixed(2),
        again.seconds.toFixed(2),
      ]);
    }
  console.log(cluster.note);
  printTable(
    [
      '>terms',
      '>records of history',
      '>records/s of the first',
      '>snapshots',
      '>restore s',
      '>started to first prediction s',
      '>process start to it s',
    ],
    rows,
  );
}

await runOnCluster(main);

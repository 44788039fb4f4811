/**
 * `runSubscriber` in a program of one's own, on a backlog, to its end.
 *
 *   node --import tsx bench/kafka/library-worker.ts BROKERS SOURCE PARTITIONS NAME
 *
 * The compiled library is what runs (`npm run build`). The backlog is worked off twice, by two pipelines: `NAME.warm` first, so that
 * what runs hot is compiled, then `NAME`, which is the one that is told of.
 */
import type * as Library from '../../src/index.ts';

const library = new URL('../../dist/src/index.js', import.meta.url).href;
const { openLog, runSubscriber }: typeof Library = await import(library);

const [brokers = '', source = '', partitions = '', name = ''] = process.argv.slice(2);

function say(progress: object): void {
  process.stdout.write(`${JSON.stringify({ ...progress, time: Date.now() })}\n`);
}

async function pass(pipeline: string, told: boolean): Promise<void> {
  if (told) say({ type: 'started' });
  const log = await openLog(`kafka://${brokers}`);
  await runSubscriber({
    log,
    pipeline,
    topics: { source },
    partitions: Number(partitions),
    untilEnd: true,
    onEvent: (event) => {
      if (told && event.type === 'chunk') say({ type: 'committed', records: event.records });
    },
  });
  await log.close();
}

await pass(`${name}.warm`, false);
const before = process.cpuUsage();
await pass(name, true);
const { user, system } = process.cpuUsage(before);
say({ type: 'cpu', seconds: (user + system) / 1e6 });

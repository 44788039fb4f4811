/**
 * Workers as processes of their own: what each does is read from the lines that it prints, what it costs from the shell's `times`.
 * Peers print the same two kinds of lines on stdout that are read here from Valence's log on stderr.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { PRODUCTION_NODE_ARGS, quietEnvironment, VALENCE } from '../command.ts';
import { PYTHON } from '../river.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
/** A worker that was told to end has so long; then it is killed. */
const END_MS = 15_000;
const STALL_MS = 60_000;

/** `time`: ms since the epoch, of the worker's own clock; all workers share the machine's. */
export type Progress =
  | { readonly type: 'started'; readonly time: number }
  | { readonly type: 'committed'; readonly time: number; readonly records: number }
  /** What the part of a process that counts has used, where that is not the whole. */
  | { readonly type: 'cpu'; readonly seconds: number };

export interface WorkerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly stream: 'stdout' | 'stderr';
  readonly read: (line: string) => Progress | undefined;
  /** Ends by itself when it has reached the end. */
  readonly ends: boolean;
}

export interface Task {
  readonly brokers: readonly string[];
  readonly source: string;
  readonly partitions: number;
  /** Unique: begins the names of the run's own topics, group and transactional ids. */
  readonly name: string;
}

/** Where a task's results are. */
export function resultsTopic(task: Task): string {
  return `${task.name}.results`;
}

/** The command `valence subscribe`; `nodeArgs` come after `PRODUCTION_NODE_ARGS`. */
export function valenceWorker(
  task: Task,
  options: {
    readonly untilEnd: boolean;
    /** Default: that of the command. */
    readonly kind?: string;
    readonly nodeArgs?: readonly string[];
  },
): WorkerCommand {
  return {
    file: process.execPath,
    args: [
      ...PRODUCTION_NODE_ARGS,
      ...(options.nodeArgs ?? []),
      VALENCE,
      'subscribe',
      ...(options.untilEnd ? ['--until-end'] : []),
      `--log=kafka://${task.brokers.join(',')}`,
      `--pipeline=${task.name}`,
      `--source=${task.source}`,
      `--partitions=${task.partitions}`,
      ...(options.kind === undefined ? [] : [`--model=${options.kind}`]),
      '--json',
      '--log-level=debug',
    ],
    stream: 'stderr',
    read: readLog,
    ends: options.untilEnd,
  };
}

/** `runSubscriber` in a program, twice in one process: what it costs to compile shows in the difference. */
export function libraryWorker(task: Task): WorkerCommand {
  return script('library-worker.ts', task);
}

/** kafkajs by itself: consume, parse, stringify, produce, in transactions. */
export function kafkajsWorker(task: Task): WorkerCommand {
  return script('kafkajs-worker.ts', task);
}

/** @param mode at least once with 500 records a commit, or transactions of at most 500 */
export function riverWorker(task: Task, mode: 'at-least-once' | 'transactions'): WorkerCommand {
  return {
    file: PYTHON,
    args: [`${FOLDER}river-worker.py`, ...taskArgs(task), mode],
    stream: 'stdout',
    read: readPeer,
    ends: false,
  };
}

/** Prints one line when the Python peer cannot run. */
export function hasPythonPeer(): boolean {
  const found = spawnSync(PYTHON, ['-c', 'import river, confluent_kafka']).status === 0;
  if (!found)
    console.log(
      `River on Kafka is not beside: ${PYTHON} cannot import river and confluent_kafka (VALENCE_PYTHON).\n`,
    );
  return found;
}

function script(name: string, task: Task): WorkerCommand {
  return {
    file: process.execPath,
    // The peers on Node get it too.
    args: [...PRODUCTION_NODE_ARGS, '--import', 'tsx', `${FOLDER}${name}`, ...taskArgs(task)],
    stream: 'stdout',
    read: readPeer,
    ends: name === 'library-worker.ts',
  };
}

function taskArgs({ brokers, source, partitions, name }: Task): readonly string[] {
  return [brokers.join(','), source, String(partitions), name];
}

interface LogLine {
  readonly msg?: string;
  readonly time: string;
  readonly records?: number;
}

function readLog(line: string): Progress | undefined {
  if (!line.startsWith('{')) return undefined;
  const { msg, time, records = 0 }: LogLine = JSON.parse(line);
  if (msg === 'started') return { type: 'started', time: Date.parse(time) };
  if (msg === 'chunk committed') return { type: 'committed', time: Date.parse(time), records };
  return undefined;
}

function readPeer(line: string): Progress | undefined {
  if (!line.startsWith('{')) return undefined;
  const progress: Progress = JSON.parse(line);
  return progress;
}

/** Leaves nobody behind when the benchmark itself is ended. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) signal(child, 'SIGKILL');
});
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));

function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    // Its whole group: the shell that counts, and the worker.
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

export interface RunningWorker {
  /** Of the worker itself. */
  readonly pid: number;
  /** Ends it and waits; an error, with what it said last, when it had failed. */
  stop(): Promise<void>;
  kill(): void;
}

/** A worker that goes on until it is stopped; `onLine` gets what it prints. */
export function startWorker(
  command: WorkerCommand,
  onLine: (line: string) => void = () => undefined,
): RunningWorker {
  const child = spawn(command.file, command.args, {
    env: quietEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const tail: string[] = [];
  lines(child.stdout, (line) => command.stream === 'stdout' && onLine(line));
  lines(child.stderr, (line) => {
    tail.push(line);
    if (tail.length > 5) tail.shift();
    if (command.stream === 'stderr') onLine(line);
  });
  let stopping = false;
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      running.delete(child);
      if (stopping || code === 0) resolve();
      else reject(new Error(`${command.file} ended with ${code}: ${tail.join('\n')}`));
    });
  });
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    kill: () => {
      stopping = true;
      signal(child, 'SIGKILL');
    },
    async stop() {
      stopping = true;
      signal(child, 'SIGTERM');
      const timer = setTimeout(() => signal(child, 'SIGKILL'), END_MS);
      await ended.finally(() => clearTimeout(timer));
    },
  };
}

export interface Measured {
  readonly records: number;
  /** From the first `started` to the last commit. */
  readonly recordsPerSecond: number;
  /** The second half of the records by itself, when what runs hot is compiled. */
  readonly secondHalf: number;
  /** All workers, from the start of their processes to the last commit. */
  readonly seconds: number;
  /** Processor seconds of all workers for 10,000 records: whole processes, unless a worker tells its own. */
  readonly workerCpu: number;
  /** Likewise of the broker; undefined where it is not known. */
  readonly brokerCpu: number | undefined;
}

/**
 * Lets workers work off a backlog, in fresh processes that start at once.
 *
 * @param records how many have to be committed
 * @throws when one of them fails, or nothing is committed for a minute
 */
export async function measure(
  commands: readonly WorkerCommand[],
  records: number,
  brokerSeconds: () => number | undefined,
): Promise<Measured> {
  const commits: { time: number; total: number }[] = [];
  const starts: number[] = [];
  let total = 0;
  const before = brokerSeconds();
  const spawned = Date.now();
  let last = Date.now();
  let reached = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const children = commands.map((command) =>
    counted(command, (progress) => {
      last = Date.now();
      if (progress.type === 'started') starts.push(progress.time);
      if (progress.type === 'committed') {
        total += progress.records;
        commits.push({ time: progress.time, total });
        if (total >= records) reached();
      }
    }),
  );
  let watch: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    watch = setInterval(() => {
      if (Date.now() - last > STALL_MS)
        reject(new Error(`nothing committed for a minute: ${total} of ${records} records`));
    }, 1000);
  });
  const ended = Promise.all(children.map(({ seconds }) => seconds));
  try {
    await Promise.race([done, ended, stalled]);
    for (const [at, { child }] of children.entries())
      if (commands[at]?.ends === false) signal(child, 'SIGTERM');
    const processor = (await ended).reduce((sum, one) => sum + one, 0);
    const after = brokerSeconds();
    if (total < records) throw new Error(`${total} of ${records} records were committed`);
    commits.sort((a, b) => a.time - b.time);
    const end = commits.find((commit) => commit.total >= records) ?? commits.at(-1);
    const middle = commits.find((commit) => commit.total >= records / 2);
    const first = Math.min(...starts);
    const finish = end?.time ?? first;
    return {
      records: total,
      recordsPerSecond: (records / (finish - first)) * 1000,
      secondHalf: ((records - (middle?.total ?? 0)) / (finish - (middle?.time ?? first))) * 1000,
      seconds: (finish - spawned) / 1000,
      workerCpu: (processor / total) * 10_000,
      brokerCpu:
        before === undefined || after === undefined
          ? undefined
          : ((after - before) / total) * 10_000,
    };
  } finally {
    clearInterval(watch);
    for (const { child } of children) if (running.has(child)) signal(child, 'SIGKILL');
  }
}

/** A shell around it tells what it used; a signal for the group ends the worker, the shell waits for it. */
function counted(
  command: WorkerCommand,
  onProgress: (progress: Progress) => void,
): { readonly child: ChildProcess; readonly seconds: Promise<number> } {
  const wrapper = 'trap : TERM; "$@" 3>&-; code=$?; times >&3; exit $code';
  const child = spawn('sh', ['-c', wrapper, 'sh', command.file, ...command.args], {
    env: quietEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const times: string[] = [];
  const tail: string[] = [];
  let told: number | undefined;
  const progress = (line: string): void => {
    const read = command.read(line);
    if (read?.type === 'cpu') told = read.seconds;
    else if (read !== undefined) onProgress(read);
  };
  lines(child.stdout, (line) => command.stream === 'stdout' && progress(line));
  lines(child.stderr, (line) => {
    tail.push(line);
    if (tail.length > 5) tail.shift();
    if (command.stream === 'stderr') progress(line);
  });
  const third = child.stdio[3];
  lines(third instanceof Readable ? third : undefined, (line) => times.push(line));
  const seconds = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      // A peer that was told to end may answer with the signal's number.
      if (code === 0 || code === 143) resolve(told ?? childSeconds(times));
      else reject(new Error(`${command.file} ended with ${code}: ${tail.join('\n')}`));
    });
  });
  seconds.catch(() => undefined);
  return { child, seconds };
}

/** The second line of `times` is the children's: `0m1.230s 0m0.110s`, user and system. */
function childSeconds([, children = '']: readonly string[]): number {
  let sum = 0;
  for (const [, minutes = '0', seconds = '0'] of children.matchAll(/(\d+)m([\d.,]+)s/g))
    sum += Number(minutes) * 60 + Number(seconds.replace(',', '.'));
  return sum;
}

function lines(stream: Readable | null | undefined, onLine: (line: string) => unknown): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) onLine(part);
  });
}

/** Health of real processes: what their port answers, and how they end. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../../', import.meta.url);
const dist = (path: string): string => new URL(`dist/${path}`, ROOT).href;

// Several processes a test, some of which wait for their deadline.
jest.setTimeout(60_000);

let folder: string;
const started = new Set<ChildProcess>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valence-health-'));
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  await rm(folder, { recursive: true, force: true });
});

function run(...argv: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VALENCE_'));
  const child = spawn(process.execPath, argv, { cwd: folder, env: Object.fromEntries(inherited) });
  started.add(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (part: Buffer) => (out.stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (out.stderr += part.toString()));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => {
      started.delete(child);
      resolve({ code, ...out });
    });
  });
  /** Resolves with what the expression found in the output so far. */
  const until = (expression: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = (): void => {
        const found = expression.exec(out.stderr + out.stdout);
        if (found) resolve(found);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.on('close', () => {
        reject(new Error(`ended before ${expression.source}: ${out.stderr}`));
      });
      look();
    });
  const port = async (): Promise<string> => (await until(/"port":(\d+)/))[1] ?? '';
  return { child, ended, until, port };
}

const valence = (...argv: string[]) => run(new URL('dist/workers/main.js', ROOT).pathname, ...argv);

/** Runs `subscribe` in a process whose log is made by the script: `log` is an embedded log to build on. */
async function subscribeOn(script: string, ...argv: string[]) {
  const file = join(folder, 'worker.mjs');
  await writeFile(
    file,
    `import { runProcess } from '${dist('src/cli/main.js')}';
     import { openHealth } from '${dist('src/open-health.js')}';
     import { openLog as open } from '${dist('src/open-log.js')}';
     const held = () => new Promise(() => { setInterval(() => {}, 1000); });
     const changed = (log, methods) => new Proxy(log, {
       get: (target, name) => methods[name] ?? (typeof target[name] === 'function' ? target[name].bind(target) : target[name]),
     });
     ${script}
     await runProcess(['subscribe', ...process.argv.slice(2)], { openLog, openHealth }, 'subscriber');`,
  );
  return run(file, ...argv);
}

async function ask(port: string, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
}

const yelp = ['publish', new URL('examples/yelp.csv', ROOT).pathname, '--label', 'sentiment'];

describe('the health port', () => {
  test('of a subscriber tells that it is ready, its lag and its models, until it is told to end', async () => {
    expect((await valence(...yelp).ended).code).toBe(0);
    const subscriber = valence('subscribe', '--health-port', '0', '--log-level', 'debug');
    const port = await subscriber.port();
    expect(await ask(port, '/healthz')).toEqual({ status: 200, body: '{"status":"alive"}\n' });
    await subscriber.until(/"to":750/);
    expect(await ask(port, '/readyz')).toEqual({
      status: 200,
      body: '{"ready":true,"reasons":[]}\n',
    });
    const { body } = await ask(port, '/metrics');
    for (const line of [
      'valence_ready 1',
      'valence_records_total{partition="0"} 750',
      'valence_consumer_lag_records{partition="0"} 0',
      'valence_consumer_lag_seconds{partition="0"} 0',
    ])
      expect(body.split('\n')).toContain(line);
    expect(body).toMatch(
      /^valence_model_rolling_accuracy\{model="champion",partition="0"\} 0\.\d+$/m,
    );
    expect(body).toContain('process_resident_memory_bytes');
    subscriber.child.kill('SIGTERM');
    const { code, stderr } = await subscriber.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/partition released[^]+"msg":"stopped"/);
    await expect(ask(port, '/healthz')).rejects.toThrow('fetch failed');
  });

  test('of a monitor tells merged figures and thresholds', async () => {
    await valence(...yelp).ended;
    await valence('subscribe', '--until-end').ended;
    const monitor = valence(
      'monitor',
      '--health-port',
      '0',
      '--threshold',
      'rolling.accuracy>=0.99',
    );
    const port = await monitor.port();
    await monitor.until(/"scored":750/);
    expect((await ask(port, '/readyz')).status).toBe(200);
    const lines = (await ask(port, '/metrics')).body.split('\n');
    expect(lines).toContain('valence_monitor_scored_records{model="champion"} 750');
    expect(lines).toContain(
      'valence_threshold_firing{model="champion",rule="rolling.accuracy>=0.99"} 1',
    );
    monitor.child.kill('SIGTERM');
    expect((await monitor.ended).code).toBe(0);
  });

  test('of a publisher tells how far it is', async () => {
    const publisher = valence(...yelp, '--rate', '100', '--health-port', '0');
    const port = await publisher.port();
    expect((await ask(port, '/metrics')).body).toMatch(/^valence_publisher_acks_total \d+$/m);
    publisher.child.kill('SIGTERM');
    expect((await publisher.ended).code).toBe(0);
  });

  test('that is in use ends the worker before it touches a log', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await valence('subscribe', '--health-port', String(port)).ended;
    taken.close();
    expect([code, stderr]).toEqual([
      2,
      `valence: CONFIG_INVALID: --health-port: cannot listen on port ${port}: it is in use; give another one, or 0 for any that is free\n`,
    ]);
    expect(existsSync(join(folder, '.valence'))).toBe(false);
  });

  test('does not keep a worker whose work is done', async () => {
    const { code, stdout } = await valence('start', '--once', '--health-port', '0').ended;
    expect(code).toBe(0);
    expect(stdout).toContain('750 scored');
  });

  test('answers while the log is still waited for', async () => {
    const worker = await subscribeOn('const openLog = held;', '--health-port', '0');
    const port = await worker.port();
    expect((await ask(port, '/healthz')).status).toBe(200);
    expect(await ask(port, '/readyz')).toEqual({
      status: 503,
      body: '{"ready":false,"reasons":[{"code":"starting","detail":"the log is not open yet"}]}\n',
    });
  });
});

describe('leaving', () => {
  test('a log that never closes does not hold a worker that has finished its chunk', async () => {
    await valence(...yelp).ended;
    const worker = await subscribeOn(
      'const openLog = async (url) => changed(await open(url), { close: held });',
      '--log-level',
      'debug',
    );
    await worker.until(/"to":750/);
    worker.child.kill('SIGTERM');
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /"msg":"stopped"[^]+the log did not close within 2 s; nothing is lost\n$/,
    );
    expect((await valence('subscribe', '--until-end').ended).code).toBe(0);
  });

  test('a worker that does not leave is ended, and says so', async () => {
    const worker = await subscribeOn(
      'const openLog = async (url) => changed(await open(url), { own: held });',
    );
    await worker.until(/started/);
    worker.child.kill('SIGTERM');
    const { code, stderr } = await worker.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nsubscriber: did not end within 7 s of SIGTERM, leaving\n$/);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('a second %s ends it at once with %d', async (signal, code) => {
    // Says when the first signal has arrived.
    const worker = await subscribeOn(`
      process.on('${signal}', () => { process.stderr.write('told\\n'); });
      const openLog = async (url) => changed(await open(url), { own: held });
    `);
    await worker.until(/started/);
    worker.child.kill(signal);
    await worker.until(/told/);
    worker.child.kill(signal);
    const { code: exit, stderr } = await worker.ended;
    expect(exit).toBe(code);
    expect(stderr).not.toContain('did not end within');
  });
});

describe('what nobody caught', () => {
  test.each([
    ['a rejection', 'void Promise.reject(new Error("lost"));'],
    ['an exception', 'setImmediate(() => { throw new Error("lost"); });'],
  ])('%s is one line and exit 1', async (_, accident) => {
    const worker = await subscribeOn(
      `
      const openLog = async (url) => changed(await open(url), { own: () => { ${accident} return held(); } });
    `,
      '--log-level',
      'silent',
    );
    const { code, stderr } = await worker.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^subscriber: unexpected error: lost \(at [^\n]+\)\n$/);
  });

  test('a watchdog that gives up ends a worker that would stand for ever', async () => {
    const file = join(folder, 'worker.mjs');
    await writeFile(
      file,
      `import { runWorker } from '${dist('src/worker.js')}';
       import { ValenceError } from '${dist('src/errors.js')}';
       await runWorker('subscriber', ({ fail }) => {
         setTimeout(fail, 1, new ValenceError('LOG_UNAVAILABLE', 'this connection is dead'));
         return new Promise(() => { setInterval(() => {}, 1000); });
       });`,
    );
    expect(await run(file).ended).toMatchObject({
      code: 1,
      stderr:
        'subscriber: LOG_UNAVAILABLE: this connection is dead. See `valence doctor`; starting again is safe.\n',
    });
  });
});

/** Builds once before tests that start real processes, so that they run what the sources say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export default async function build() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
  const child = spawn(process.execPath, tsc, { cwd: root, stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('the sources do not build');
}

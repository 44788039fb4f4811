/** The package this program belongs to, found from its own file: the same from a checkout, from `dist` and installed. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Folder of `package.json`. */
export function packageRoot(from: string = import.meta.url): string {
  let folder = new URL('.', from);
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/')
    folder = new URL('..', folder);
  return fileURLToPath(folder);
}

export function packageVersion(): string {
  const content: unknown = JSON.parse(readFileSync(`${packageRoot()}/package.json`, 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content
    ? String(content.version)
    : 'unknown';
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { asyncApiJson, tables, withTables } from '../../../docs/documents.ts';
import { SECTIONS } from '../../../docs/tables.ts';
import { RECOVERY } from '../../../src/errors.ts';
import { REASONS } from '../../../src/http/health-state.ts';
import { AllMetrics } from '../http/all-metrics.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('documents in the repository', () => {
  test('docs/asyncapi.json is current; if not: npm run docs', () => {
    // The formatter moves white space; order and values are what counts.
    expect(JSON.stringify(JSON.parse(read('docs/asyncapi.json')))).toBe(
      JSON.stringify(JSON.parse(asyncApiJson())),
    );
  });

  test('the tables of README.md are current; if not: npm run docs', () => {
    const before = existsSync(new URL('README.md', root)) ? read('README.md') : '';
    expect(before).toBe(withTables(before));
  });
});

/** Words in backquotes. */
const quoted = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map((m) => m[1]!);

describe('docs/OPERATIONS.md', () => {
  const text = read('docs/OPERATIONS.md');

  test('has every metric of Valence, and no other', async () => {
    const known = await new AllMetrics().metrics.registry.getMetricsAsJSON();
    const own = known.map(({ name }) => name).filter((name) => name.startsWith('valence_'));
    const named = new Set(quoted(text).filter((word) => /^valence_\w+[a-z\d]$/.test(word)));
    // «and the same endings»
    const said = [...named].flatMap((name) => {
      const ofMonitor = name.replace(/^valence_model_/, 'valence_monitor_');
      return ofMonitor !== name && own.includes(ofMonitor) ? [name, ofMonitor] : [name];
    });
    expect(said.toSorted()).toEqual(own.toSorted());
  });

  test('has every reason for which a worker is not ready', () => {
    for (const reason of REASONS) expect(text).toContain(`\n| \`${reason}\``);
  });

  test('names error codes that there are', () => {
    const codes = quoted(text).filter((word) => /^[A-Z]+_[A-Z_]+$/.test(word));
    const foreign = codes.filter((word) => /^(?:KAFKA|VALENCE)_/.test(word));
    const unknown = codes.filter((word) => !(word in RECOVERY) && !foreign.includes(word));
    expect(unknown).toEqual([]);
    expect(codes).toContain('SOURCE_TRUNCATED');
  });
});

describe('what documents point at', () => {
  const documents = [
    'README.md',
    'CHANGELOG.md',
    'examples/README.md',
    'examples/kubernetes/README.md',
    ...readdirSync(new URL('docs/', root)).map((name) => `docs/${name}`),
    ...readdirSync(new URL('docs/decisions/', root)).map((name) => `docs/decisions/${name}`),
  ].filter((path) => path.endsWith('.md'));

  /** Headings of a document, as links name them. */
  const anchors = (path: string): Set<string> =>
    new Set(
      [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, '')
          .replaceAll(' ', '-'),
      ),
    );

  test.each(documents)('is there: links of %s', (document) => {
    const folder = document.replace(/[^/]*$/, '');
    const links = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? document : new URL(file, `file:///${folder}`).pathname.slice(1);
      if (!existsSync(new URL(path, root))) return true;
      return anchor !== undefined && !anchors(path).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('is there: files that docs/ARCHITECTURE.md names by their path', () => {
    const paths = quoted(read('docs/ARCHITECTURE.md')).filter((word) =>
      /^(?:src|topics|test|workers|docs)\/[\w./-]*$/.test(word),
    );
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  test('is there: every file of the pipeline and the adapter for Kafka, in docs/ARCHITECTURE.md', () => {
    const text = read('docs/ARCHITECTURE.md');
    const files = ['src/adapters/kafka/', 'src/pipeline/', 'src/http/'].flatMap((folder) =>
      readdirSync(new URL(folder, root)),
    );
    expect(files.filter((file) => !text.includes(file))).toEqual([]);
  });
});

describe('tables', () => {
  test('there is one for each section, with more than a head', () => {
    const made = tables();
    expect(Object.keys(made)).toEqual([...SECTIONS]);
    for (const table of Object.values(made)) expect(table.split('\n').length).toBeGreaterThan(6);
  });

  test('the commands are those of the program', () => {
    for (const command of ['publish [FILE]', 'subscribe', 'model hash', 'dlq replay [N]'])
      expect(tables().commands).toContain(`\`valence ${command}\``);
  });

  test('each stands between its markers', () => {
    const made = tables();
    const markers = SECTIONS.map((name) => `<!-- ${name}:begin -->\n<!-- ${name}:end -->\n`);
    const document = withTables(markers.join('\n'));
    for (const name of SECTIONS)
      expect(document).toContain(`<!-- ${name}:begin -->\n\n${made[name]}\n\n<!-- ${name}:end -->`);
  });
});

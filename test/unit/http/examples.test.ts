/** The files under examples/ name metrics, topics and ports: what they name has to be there. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { settingsOf } from '../../../src/config.ts';
import { subscriberGroup } from '../../../src/pipeline/subscriber.ts';
import { topicNames } from '../../../topics/index.ts';
import { AllMetrics } from './all-metrics.ts';

const examples = new URL('../../../examples/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, examples), 'utf8');
const kubernetes = readdirSync(new URL('kubernetes/', examples)).filter((name) =>
  name.endsWith('.yaml'),
);

/** Names of all series, with those that a histogram is made of. */
async function exposed(): Promise<ReadonlySet<string>> {
  const metrics = await new AllMetrics().metrics.registry.getMetricsAsJSON();
  return new Set(
    metrics.flatMap(({ name, type }) => {
      // A string in prom-client's answer, whatever its types say.
      return String(type) === 'histogram'
        ? [`${name}_bucket`, `${name}_sum`, `${name}_count`]
        : [name];
    }),
  );
}

/** Names of series in a PromQL expression. */
function seriesOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, ' ')
    .replaceAll(/\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const words = bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g);
  const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset']);
  return [...words].map(([word]) => word).filter((word) => !keywords.has(word));
}

/** Selectors of a PromQL expression: metric and the labels that are asked of it. */
function labelsOf(expression: string): [metric: string, label: string][] {
  return [...expression.matchAll(/([a-z_]\w*)\{([^}]*)\}/g)].flatMap(
    ([, metric = '', inner = '']) =>
      [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']): [string, string] => [
        metric,
        label,
      ]),
  );
}

/** Values of a key in YAML: on its line, or as the block below it. */
function yamlValues(text: string, key: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const found = new RegExp(`^(\\s*)(?:- )?${key}:\\s*(.*)$`).exec(line);
    if (!found) return [];
    const [, indent = '', value = ''] = found;
    if (!/^[|>]-?$/.test(value)) return [value.replaceAll(/^['"]|['"]$/g, '')];
    const block: string[] = [];
    for (const next of lines.slice(index + 1)) {
      if (next.trim() !== '' && next.search(/\S/) <= indent.length) break;
      block.push(next.trim());
    }
    return [block.join(' ').trim()];
  });
}

const rules = yamlValues(read('prometheus/rules.yml'), 'expr');
const dashboard = JSON.parse(read('grafana/dashboard.json')) as {
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number };
    readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
};
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const variables = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);

describe('metrics that are named in examples exist', () => {
  test('the reader of expressions finds names, and nothing else', () => {
    const expression =
      'sum by (le, a) (rate(x_bucket{job=~"$job", b="c_d"}[5m])) > 0.5 and on (i) y_total or label_values(z, q)';
    expect(seriesOf(expression)).toEqual(['x_bucket', 'y_total', 'z', 'q']);
    expect(labelsOf(expression)).toEqual([
      ['x_bucket', 'job'],
      ['x_bucket', 'b'],
    ]);
  });

  test.each([
    ['alert rules', rules, 15],
    ['dashboard', queries, 40],
  ])('%s', async (_, expressions, least) => {
    const names = await exposed();
    const used = expressions.flatMap(seriesOf);
    expect(expressions.length).toBeGreaterThanOrEqual(least);
    expect(used.length).toBeGreaterThanOrEqual(expressions.length);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
  });

  test("the dashboard's variables ask for series that exist", () => {
    expect(variables).toEqual(['label_values(valence_build_info, job)']);
  });

  test('labels are those of the metric, or of the scrape', () => {
    const labels = new Map(
      new AllMetrics().metrics.registry
        .getMetricsAsArray()
        .map((metric) => [
          metric.name,
          'labelNames' in metric ? (metric.labelNames as string[]) : [],
        ]),
    );
    for (const [series, label] of [...rules, ...queries].flatMap(labelsOf)) {
      const metric = series.replace(/_(?:bucket|sum|count)$/, '');
      const known = labels.get(series) ?? labels.get(metric) ?? [];
      expect(['job', 'instance', ...known]).toContain(label);
    }
  });
});

describe('the alert rules', () => {
  test('cover what needs a person', () => {
    expect(yamlValues(read('prometheus/rules.yml'), 'alert')).toEqual(
      expect.arrayContaining([
        'ValenceNotReady',
        'ValenceLagGrowing',
        'ValenceDeadLetters',
        'ValenceFencedRepeatedly',
        'ValenceAccuracyBelowBaseline',
        'ValenceSnapshotTooOld',
        'ValenceRestoreSlow',
      ]),
    );
  });

  test('each has a summary and a severity', () => {
    const text = read('prometheus/rules.yml');
    expect(yamlValues(text, 'summary')).toHaveLength(rules.length);
    expect(text.match(/severity: (?:critical|warning) /g)).toHaveLength(rules.length);
  });
});

test('the dashboard has panels of its own number, each in the grid and with a query', () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { type, title, gridPos, targets } of panels) {
    expect(title).not.toBe('');
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    if (type !== 'row') expect(targets?.length).toBeGreaterThan(0);
  }
});

describe('Kubernetes', () => {
  const file = (name: string): string => read(`kubernetes/${name}.yaml`);
  const config = (name: string): string | undefined => yamlValues(file('configmap'), name)[0];

  test('scales on the lag of the group that subscribers join, up to the partitions', () => {
    const pipeline = config('VALENCE_PIPELINE') ?? '';
    const keda = file('keda');
    expect(yamlValues(keda, 'topic')).toEqual([topicNames(pipeline).source]);
    expect(yamlValues(keda, 'consumerGroup')).toEqual([subscriberGroup(pipeline)]);
    expect(yamlValues(keda, 'offsetResetPolicy')).toEqual(['earliest']);
    expect(yamlValues(keda, 'maxReplicaCount')).toEqual([config('VALENCE_PARTITIONS')]);
    expect(yamlValues(keda, 'bootstrapServers')).toEqual([config('KAFKA_BROKERS')]);
    expect(Number(yamlValues(keda, 'lagThreshold')[0])).toBeGreaterThan(0);
  });

  test('each variable is a setting or one that Kafka logs read, and secrets are files', () => {
    const known = new Set(
      (['subscribe', 'monitor', 'topics create'] as const).flatMap((command) =>
        settingsOf(command).map(({ variable }) => variable),
      ),
    );
    const names = [...file('configmap').matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(5);
    const ours = names.filter((name) => name.startsWith('VALENCE_'));
    expect(ours.filter((name) => !known.has(name))).toEqual([]);
    for (const name of names)
      if (/PASSWORD|USERNAME|SECRET/.test(name)) expect(name).toMatch(/_FILE$/);
  });

  test.each(['deployment', 'monitor', 'topics'])(
    '%s: not root, nothing writable, no rights',
    (name) => {
      const text = file(name);
      for (const line of [
        'runAsNonRoot: true',
        'readOnlyRootFilesystem: true',
        'allowPrivilegeEscalation: false',
        'capabilities: { drop: [ALL] }',
        'seccompProfile: { type: RuntimeDefault }',
        'automountServiceAccountToken: false',
      ])
        expect(text).toContain(line);
    },
  );

  test.each(['deployment', 'monitor'])(
    '%s is asked on its health port and has time to leave',
    (name) => {
      const text = file(name);
      const port = config('VALENCE_HEALTH_PORT');
      expect(text).toContain(`- { name: health, containerPort: ${port} }`);
      expect(text).toMatch(/livenessProbe:\n\s+httpGet: \{ path: \/healthz, port: health \}/);
      expect(text).toMatch(/readinessProbe:\n\s+httpGet: \{ path: \/readyz, port: health \}/);
      expect(yamlValues(text, 'terminationGracePeriodSeconds')).toEqual(['30']);
      expect(file('service')).toContain(`port: ${port}, targetPort: health`);
      expect(file('networkpolicy')).toContain(`port: ${port} }`);
    },
  );

  test('an update never has more subscribers than partitions', () => {
    expect(file('deployment')).toContain('maxSurge: 0');
  });

  test('the kustomization lists every file', () => {
    const listed = [...file('kustomization').matchAll(/^ {2}- (\S+)$/gm)].map(([, name]) => name);
    expect([...listed, 'kustomization.yaml'].toSorted()).toEqual(kubernetes.toSorted());
  });
});

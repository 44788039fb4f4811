import { describe, expect, test } from '@jest/globals';
import { checkNode, findingLines, lagFindings } from '../../../src/cli/commands/doctor.ts';
import { palette } from '../../../src/cli/display.ts';
import type { DiagnosisSubject } from '../../../src/ports/event-log.ts';
import { Cli } from './cli-run.ts';

test.each([
  ['20.18.3', 'error'],
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['18.20.0', 'error'],
])('Node %s is %s', (version, state) => {
  expect(checkNode(version).state).toBe(state);
});

describe('lagFindings', () => {
  const topic = (...partitions: { start: number; end: number }[]) => ({
    name: 's',
    description: { name: 's', cleanup: 'delete', retentionMs: undefined, partitions } as const,
  });

  test('lag is what is kept and not yet folded, over all partitions', () => {
    const findings = lagFindings(topic({ start: 0, end: 10 }, { start: 5, end: 9 }), [
      7,
      undefined,
    ]);
    expect(findings).toEqual([
      { check: 'lag', state: 'ok', finding: '7 records behind (0: 7 of 10, 1: - of 9)' },
    ]);
  });

  test('records that were deleted before they were folded are an error', () => {
    expect(lagFindings(topic({ start: 5, end: 9 }), [2])[0]).toMatchObject({
      state: 'error',
      finding: 's/0: 3 records were deleted before they were folded',
    });
  });

  test('the oldest record says for how long', () => {
    expect(lagFindings(topic({ start: 0, end: 1 }), [0], 3_400)).toEqual([
      { check: 'lag', state: 'ok', finding: '1 record behind, the oldest for 3 s' },
    ]);
  });

  test('much lag is a warning', () => {
    expect(lagFindings(topic({ start: 0, end: 100_000 }), [undefined])).toMatchObject([
      { state: 'warning', finding: '100,000 records, none folded yet' },
    ]);
  });
});

test('a finding shows its fix on a line of its own', () => {
  const finding = { check: 'disk', state: 'error', finding: 'full', fix: 'free some' } as const;
  expect(findingLines(finding, palette(false))).toEqual([
    '✗ disk         full',
    '               → free some',
  ]);
});

test('of an operator it is asked what `model promote` does with the topics', async () => {
  const cli = new Cli();
  const asked: DiagnosisSubject[] = [];
  const openLog = async () =>
    Object.assign(cli.open(), {
      diagnose: async (subject: DiagnosisSubject) => {
        asked.push(subject);
        return [];
      },
    });
  await cli.run(['doctor', '--role', 'operator'], { openLog });
  const uses = new Map(asked[0]?.topics.map((topic) => [topic.name, topic.uses]));
  expect(uses.get('sentiment.model')).toEqual(expect.arrayContaining(['read', 'write']));
  expect(uses.get('sentiment.snapshots')).toContain('read');
  expect(asked[0]).toMatchObject({ joins: false, transactionalId: undefined });
});

/** Tests that need the broker of this run. Without one they are skipped, with what is missing in one line and in their title. */
import { describe, expect, test } from '@jest/globals';
import { variable } from '../environment.ts';

export interface TestKafka {
  readonly brokers: readonly string[];
}

/** A `describe` whose tests run against the broker that the global set-up started or was given. Under CI=true a missing one fails. */
export function describeKafka(name: string, body: (kafka: TestKafka) => void): void {
  const brokers = variable('VALENCE_TEST_KAFKA');
  const missing =
    variable('VALENCE_TEST_KAFKA_MISSING') ?? 'no broker was started for this project';
  describeWith(name, brokers === undefined ? missing : undefined, () => {
    body({ brokers: brokers?.split(',') ?? [] });
  });
}

/** A `describe` whose tests start brokers of their own, to kill, freeze or secure them. As {@link describeKafka}. */
export function describeLocalKafka(name: string, body: () => void): void {
  describeWith(name, variable('VALENCE_TEST_KAFKA_LOCAL_MISSING'), body);
}

function describeWith(name: string, lacking: string | undefined, body: () => void): void {
  if (lacking === undefined) {
    // oxlint-disable-next-line jest/valid-title
    describe(name, () => {
      body();
    });
  } else if (process.env['CI'] === 'true') {
    test(`${name}: a broker is there`, () => {
      expect(lacking).toBeUndefined();
    });
  } else {
    process.stderr.write(`SKIPPED ${name}: ${lacking}\n`);
    // oxlint-disable-next-line jest/no-disabled-tests, jest/valid-title -- title and line say why
    describe.skip(`${name} (skipped: ${lacking})`, () => {
      body();
    });
  }
}

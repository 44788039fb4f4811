/** Tests that need the broker of this run. Without one they are skipped, with one line that says what is missing. */
import { describe, expect, test } from '@jest/globals';

export interface TestKafka {
  readonly brokers: readonly string[];
}

/** The broker that the global set-up started or was given. @throws there is none */
export function testKafka(): TestKafka {
  const brokers = process.env['VALENCE_TEST_KAFKA'];
  if (brokers === undefined) throw new Error(missing());
  return { brokers: brokers.split(',') };
}

/** A `describe` whose tests run against a real broker. Under CI=true a missing one fails. */
export function describeKafka(name: string, body: (kafka: TestKafka) => void): void {
  if (process.env['VALENCE_TEST_KAFKA'] !== undefined) {
    const kafka = testKafka();
    // oxlint-disable-next-line jest/valid-title
    describe(name, () => {
      body(kafka);
    });
  } else if (process.env['CI'] === 'true') {
    test(`${name}: a broker is there`, () => {
      expect(testKafka().brokers).not.toHaveLength(0);
    });
  } else {
    process.stderr.write(`SKIPPED ${name}: ${missing()}\n`);
    // oxlint-disable-next-line jest/no-disabled-tests, jest/valid-title -- the line above says why
    describe.skip(name, () => {
      body({ brokers: [] });
    });
  }
}

function missing(): string {
  return process.env['VALENCE_TEST_KAFKA_MISSING'] ?? 'no broker was started for this project';
}

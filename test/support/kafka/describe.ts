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

/** A `describe` whose tests run against the broker of this run. Under CI=true a missing one fails. */
export function describeKafka(name: string, body: (kafka: TestKafka) => void): void {
  const given = process.env['VALENCE_TEST_KAFKA'] !== undefined;
  describeWith(name, given ? undefined : missing(), () => {
    body(given ? testKafka() : { brokers: [] });
  });
}

/** A `describe` whose tests start brokers of their own, to kill, freeze or secure them. As {@link describeKafka}. */
export function describeLocalKafka(name: string, body: () => void): void {
  describeWith(name, process.env['VALENCE_TEST_KAFKA_LOCAL_MISSING'], body);
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
    // oxlint-disable-next-line jest/no-disabled-tests, jest/valid-title -- the line above says why
    describe.skip(name, () => {
      body();
    });
  }
}

function missing(): string {
  return process.env['VALENCE_TEST_KAFKA_MISSING'] ?? 'no broker was started for this project';
}

import { expect, test } from '@jest/globals';
import { batchesOf } from '../../../../src/adapters/kafka/transaction.ts';

/** What a broker takes at most in one batch, if nobody says otherwise. */
const BROKERS_LIMIT = 1_048_588;

test.each(['a', 'ж', '好', '😀'])(
  'batches of short texts of «%s» stay below what a broker takes, and nothing is left out',
  (letter) => {
    const record = { topic: 't', partition: 0, key: letter.repeat(40), value: letter.repeat(400) };
    const records = Array.from({ length: 3000 }, () => record);
    const [{ batches } = { batches: [] }] = batchesOf(records);
    const bytes = 440 * Buffer.byteLength(letter);
    const largest = Math.max(...batches.map((batch) => batch.length * bytes));
    expect(largest).toBeLessThan(BROKERS_LIMIT);
    // Nor are they smaller than they need be.
    expect(largest).toBeGreaterThan(BROKERS_LIMIT / 2);
    expect(batches.flat()).toHaveLength(records.length);
  },
);

/**
 * Which partition a record goes to: Kafka's default rule, so that a key lands in the same partition on every log and beside the
 * records of other producers.
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * MurmurHash2, 32 bits, with Kafka's seed.
 *
 * @returns a signed 32-bit integer, as in Java
 * @see org.apache.kafka.common.utils.Utils.murmur2
 */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const at = (index: number): number => bytes[index] ?? 0;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    let k = at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length - whole;
  if (rest > 0) {
    hash ^= at(whole) | (at(whole + 1) << 8) | (at(whole + 2) << 16);
    hash = Math.imul(hash, M);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** Partition of a key, 0 to `partitions` - 1: `toPositive(murmur2(key)) % partitions`. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Chooses partitions for one topic: by key, round robin from partition 0 without one. */
export class Partitioner {
  readonly #partitions: number;
  #turn = 0;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  choose(key: Uint8Array | null): number {
    if (this.#partitions === 1) return 0;
    if (key !== null) return partitionOfKey(key, this.#partitions);
    const partition = this.#turn;
    this.#turn = (partition + 1) % this.#partitions;
    return partition;
  }
}

/**
 * Hash of a feature's name: MurmurHash3 (x86, 32 bits) with one UTF-16 code unit in place of a block. Part of the identity of a
 * hashed model: its counts are kept by `hash & (2^bits - 1)`.
 *
 * A chain holds the state while units come in; `finish` closes it, and the chain can still go on: a bigram continues the chain of
 * its first word.
 */

const { imul } = Math;

export const GT_HASH_SEED = 0x9747b28c | 0;

/** What a code unit adds to a chain, before the chain is turned. */
export function mixUnit(unit: number): number {
  const product = imul(unit, 0xcc9e2d51);
  return imul((product << 15) | (product >>> 17), 0x1b873593);
}

/** Chain after a unit, given what the unit adds ({@link mixUnit}). */
export function extendChain(chain: number, mixed: number): number {
  const turned = chain ^ mixed;
  return (imul((turned << 13) | (turned >>> 19), 5) + 0xe6546b64) | 0;
}

/** Hash of the units in a chain, as a signed integer of 32 bits. */
export function finishChain(chain: number, length: number): number {
  let hash = chain ^ length;
  hash = imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Chain of `text` continued from `chain`. */
export function chainOf(text: string, chain: number = GT_HASH_SEED): number {
  let extended = chain;
  for (let at = 0; at < text.length; at++)
    extended = extendChain(extended, mixUnit(text.charCodeAt(at)));
  return extended;
}

/** Hash of a feature's name, 0 to 2^32 - 1. */
export function gtHash(name: string): number {
  return finishChain(chainOf(name), name.length) >>> 0;
}

/**
 * An order of rows that a seed decides, the same on every machine and in every version.
 *
 * @see Fisher and Yates (1938), in Durstenfeld's form (1964); splitmix32, the 32-bit finaliser of MurmurHash3 over a counter
 */

/** A new array with the same items in an order drawn with `seed`, an integer 0 … 2^32 - 1. O(n). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const drawn = [...items];
  const next = random32(seed);
  for (let last = drawn.length - 1; last > 0; last--) {
    // 53 bits of two draws: the bias of a multiplication is below 1e-9 for any file that fits in memory.
    const share = ((next() >>> 5) * 0x4_00_00_00 + (next() >>> 6)) / 2 ** 53;
    const at = Math.floor(share * (last + 1));
    // The last one goes to the drawn place, and what was there to the end.
    drawn.splice(last, 1, ...drawn.splice(at, 1, ...drawn.slice(last, last + 1)));
  }
  return drawn;
}

/** Uniform integers 0 … 2^32 - 1. */
function random32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e_37_79_b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85_eb_ca_6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2_b2_ae_35);
    return (bits ^ (bits >>> 16)) >>> 0;
  };
}

/** What typed arrays have no call for. */

type Cells = Int32Array | Float64Array;

/** A copy with zeros behind, `length` in all, which is no less than the length that they have. */
export function lengthened(cells: Int32Array, length: number): Int32Array<ArrayBuffer>;
export function lengthened(cells: Float64Array, length: number): Float64Array<ArrayBuffer>;
export function lengthened(cells: Cells, length: number): Cells {
  const copy = cells instanceof Int32Array ? new Int32Array(length) : new Float64Array(length);
  copy.set(cells);
  return copy;
}

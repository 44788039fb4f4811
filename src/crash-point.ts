/**
 * Named places where a fault test kills the process, as a power cut would: `VALENCE_CRASH_AT=point[:n]` ends it at the n-th time
 * it gets there. Always compiled in, so that what is tested is what runs; one comparison when it is not asked for.
 */
let armed: { readonly point: string; left: number; readonly kill: () => void } | undefined;

/**
 * Points, in the order in which a chunk meets them:
 *
 *   subscriber  staged; on Kafka sent and offsetsSent (in either order), beforeCommit; committed, merged
 *               switching, as staged, and switched, as committed, of a chunk with which the champion changes
 *               snapshotChunk, after each chunk of a snapshot, before its header
 *   publisher   read, appended
 */
export function crashPoint(point: string): void {
  if (armed === undefined || armed.point !== point) return;
  armed.left -= 1;
  if (armed.left === 0) armed.kill();
}

/**
 * @param spec `point` or `point:n`
 * @param kill ends the process at once
 */
export function armCrashPoint(spec: string, kill: () => void): void {
  const [point = '', times] = spec.split(':');
  armed = { point, left: times === undefined ? 1 : Number(times), kill };
}

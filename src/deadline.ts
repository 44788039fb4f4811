/** Work that may take only so long. */

/**
 * The result of `work`, if it comes in time; else that of `late`, which may throw. What the work gives later, good or bad, is
 * nobody's business any more.
 *
 * @param ms > 0
 */
export async function within<T>(work: Promise<T>, ms: number, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => {
      resolve('late');
    }, ms);
  });
  try {
    const first = await Promise.race([work.then((value) => ({ value })), timeout]);
    return first === 'late' ? late() : first.value;
  } finally {
    clearTimeout(timer);
  }
}

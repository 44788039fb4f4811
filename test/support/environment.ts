/** Environment variables for tests and benchmarks. */

/** Undefined where it is not set, or empty, as `NAME= command` leaves it. */
export function variable(name: string): string | undefined {
  return process.env[name] || undefined;
}

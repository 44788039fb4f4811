/** JSON text of the hot path. */

/** A string as JSON.stringify writes it; most need no look by it. */
export function quoted(value: string): string {
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return JSON.stringify(value);
  }
  return `"${value}"`;
}

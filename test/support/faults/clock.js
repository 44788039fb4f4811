/**
 * Loaded before a worker (`--import`): its wall clock is wrong by as many milliseconds as FAULT_CLOCK_FILE says, and jumps when the
 * file changes. The monotonic clock and timers go on as they are.
 */
import { readFileSync } from 'node:fs';

const file = process.env.FAULT_CLOCK_FILE;
let offset = 0;

function look() {
  try {
    offset = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    offset = 0;
  }
}

if (file !== undefined) {
  const RealDate = Date;
  const now = RealDate.now.bind(RealDate);
  class WrongDate extends RealDate {
    constructor(...args) {
      super(...(args.length === 0 ? [now() + offset] : args));
    }
    static now() {
      return now() + offset;
    }
  }
  globalThis.Date = WrongDate;
  look();
  setInterval(look, 200).unref();
}

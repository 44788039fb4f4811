/** Makes metrics on one registry of its own: one line each, values that are read at the scrape or counted as things happen. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Labels<L extends string> = Readonly<Record<L, string | number>>;
/** Sets the value for some labels. */
export type Put<L extends string> = (labels: Labels<L>, value: number) => void;

export class Instruments {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  histogram<L extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    const registers = this.#registers;
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
  }

  /** A gauge that is read at each scrape; what is not put is not shown. */
  gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (put: Put<L>) => void,
  ): void {
    const gauge: Gauge<L> = new Gauge({
      name,
      help,
      labelNames,
      registers: this.#registers,
      collect: () => {
        gauge.reset();
        read((labels, value) => {
          gauge.set({ ...labels }, value);
        });
      },
    });
  }

  /** A gauge without labels. */
  value(name: string, help: string, read: () => number): void {
    this.gauge<never>(name, help, [], (put) => {
      put({}, read());
    });
  }

  /** A counter whose total is kept elsewhere. */
  total(name: string, help: string, read: () => number): void {
    const counter: Counter<never> = new Counter({
      name,
      help,
      registers: this.#registers,
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }
}

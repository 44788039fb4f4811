/**
 * A handful of Kafka requests over one plain socket, for the judge of the fault tests and for faults that a driver does not offer:
 * raw fetches, group offsets, and taking somebody else's transactional id. One broker; versions without tagged fields.
 */
import { connect, type Socket } from 'node:net';
import { decodeBatches, type DecodedBatch } from './record-batch.ts';

const FETCH_BYTES = 2 << 20;
const ANSWER_MS = 10_000;

export interface PartitionEnds {
  readonly start: number;
  /** High watermark. */
  readonly end: number;
  readonly stable: number;
}

/** Builds a request body. */
class Writer {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    return this.#push(1, (buffer) => buffer.writeInt8(value));
  }
  int16(value: number): this {
    return this.#push(2, (buffer) => buffer.writeInt16BE(value));
  }
  int32(value: number): this {
    return this.#push(4, (buffer) => buffer.writeInt32BE(value));
  }
  int64(value: number): this {
    return this.#push(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)));
  }
  string(value: string): this {
    const bytes = Buffer.from(value);
    this.int16(bytes.length);
    this.#parts.push(bytes);
    return this;
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #push(bytes: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    this.#parts.push(buffer);
    return this;
  }
}

/** Reads an answer. */
class Reader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#move(1));
  }
  int16(): number {
    return this.#bytes.readInt16BE(this.#move(2));
  }
  int32(): number {
    return this.#bytes.readInt32BE(this.#move(4));
  }
  int64(): number {
    return Number(this.#bytes.readBigInt64BE(this.#move(8)));
  }
  string(): string {
    const length = this.int16();
    if (length < 0) return '';
    return this.#bytes.toString('utf8', this.#move(length), this.#at);
  }
  blob(): Buffer {
    const length = Math.max(0, this.int32());
    const start = this.#move(length);
    return this.#bytes.subarray(start, this.#at);
  }
  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }

  #move(by: number): number {
    const at = this.#at;
    this.#at += by;
    return at;
  }
}

export class WireClient {
  readonly #port: number;
  readonly #host: string;
  #socket: Promise<Socket> | undefined;
  #correlation = 0;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (answer: Buffer) => void; readonly reject: (error: Error) => void }
  >();

  /** @param address `host:port` of the only broker */
  constructor(address: string) {
    const [host = '127.0.0.1', port = '9092'] = address.split(':');
    this.#host = host;
    this.#port = Number(port);
  }

  close(): void {
    void this.#socket?.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
    this.#socket = undefined;
  }

  /** Topic names with their numbers of partitions. */
  async topics(): Promise<ReadonlyMap<string, number>> {
    const answer = await this.#ask(3, 6, new Writer().int32(-1).int8(0));
    answer.int32();
    answer.array(() => [answer.int32(), answer.string(), answer.int32(), answer.string()]);
    answer.string();
    answer.int32();
    const topics = answer.array((): [string, number] => {
      answer.int16();
      const name = answer.string();
      answer.int8();
      const partitions = answer.array(() => {
        answer.int16();
        answer.int32();
        answer.int32();
        for (let list = 0; list < 3; list++) answer.array(() => answer.int32());
      });
      return [name, partitions.length];
    });
    return new Map(topics);
  }

  async ends(topic: string, partition: number): Promise<PartitionEnds> {
    const [start, end, stable] = await Promise.all([
      this.#offset(topic, partition, -2, 0),
      this.#offset(topic, partition, -1, 0),
      this.#offset(topic, partition, -1, 1),
    ]);
    return { start, end, stable };
  }

  /**
   * @param time -2: the first offset kept, -1: the end
   * @param isolation 0: of everything, 1: of what readers of committed records get
   */
  async #offset(
    topic: string,
    partition: number,
    time: -1 | -2,
    isolation: 0 | 1,
  ): Promise<number> {
    const body = new Writer().int32(-1).int8(isolation).int32(1).string(topic);
    const answer = await this.#ask(2, 3, body.int32(1).int32(partition).int64(time));
    answer.int32();
    return onlyPartition(answer, 'ListOffsets', () => {
      answer.int64();
      return answer.int64();
    });
  }

  /** All batches of a partition, committed or not, with markers. */
  async batches(
    topic: string,
    partition: number,
  ): Promise<PartitionEnds & { readonly batches: readonly DecodedBatch[] }> {
    const ends = await this.ends(topic, partition);
    const batches: DecodedBatch[] = [];
    for (let from = ends.start; from < ends.end;) {
      const found = await this.#fetch(topic, partition, from);
      // A fetch may begin with a batch that holds earlier records too.
      const fresh = found.filter(({ lastOffset }) => lastOffset >= from);
      batches.push(...fresh);
      const last = fresh.at(-1);
      if (last === undefined) break;
      from = last.lastOffset + 1;
    }
    return { ...ends, batches };
  }

  /** Group offsets by partition; undefined: none. */
  async groupOffsets(
    group: string,
    topic: string,
    partitions: number,
  ): Promise<readonly (number | undefined)[]> {
    const body = new Writer().string(group).int32(1).string(topic).int32(partitions);
    for (let partition = 0; partition < partitions; partition++) body.int32(partition);
    const answer = await this.#ask(9, 4, body);
    answer.int32();
    const found: (number | undefined)[] = [];
    answer.array(() => {
      answer.string();
      answer.array(() => {
        const partition = answer.int32();
        const offset = answer.int64();
        answer.string();
        answer.int16();
        found[partition] = offset < 0 ? undefined : offset;
      });
    });
    return found;
  }

  /** Takes a transactional id: ends its open transaction and fences whoever held it. */
  async takeTransactionalId(id: string): Promise<void> {
    const answer = await this.#ask(22, 1, new Writer().string(id).int32(15_000));
    answer.int32();
    const code = answer.int16();
    if (code !== 0) throw new WireError('InitProducerId', code);
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    const body = new Writer().int32(names.length);
    for (const name of names) body.string(name);
    await this.#ask(20, 3, body.int32(10_000));
  }

  /** Whole batches from an offset on, whatever became of them. */
  async #fetch(topic: string, partition: number, from: number): Promise<readonly DecodedBatch[]> {
    const body = new Writer().int32(-1).int32(0).int32(0).int32(FETCH_BYTES).int8(0);
    body.int32(0).int32(-1).int32(1).string(topic).int32(1).int32(partition).int32(-1);
    body.int64(from).int64(-1).int32(FETCH_BYTES).int32(0).string('');
    const answer = await this.#ask(1, 11, body);
    answer.int32();
    answer.int16();
    answer.int32();
    const set = onlyPartition(answer, 'Fetch', () => {
      for (let offset = 0; offset < 3; offset++) answer.int64();
      answer.array(() => [answer.int64(), answer.int64()]);
      answer.int32();
      return answer.blob();
    });
    return decodeBatches(set);
  }

  async #ask(api: number, version: number, body: Writer): Promise<Reader> {
    const correlation = ++this.#correlation;
    const head = new Writer().int16(api).int16(version).int32(correlation).string('judge').done();
    const bytes = Buffer.concat([head, body.done()]);
    const size = new Writer().int32(bytes.length).done();
    const socket = await (this.#socket ??= this.#connect());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => socket.destroy(new Error(`no answer to request ${api} in ${ANSWER_MS} ms`)),
        ANSWER_MS,
      );
      this.#waiting.set(correlation, {
        resolve: (answer) => (clearTimeout(timer), resolve(new Reader(answer))),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      socket.write(Buffer.concat([size, bytes]));
    });
  }

  async #connect(): Promise<Socket> {
    const socket = connect(this.#port, this.#host);
    let buffered = Buffer.alloc(0);
    socket.on('data', (data) => {
      buffered = Buffer.concat([buffered, data]);
      while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
        const end = 4 + buffered.readInt32BE(0);
        const correlation = buffered.readInt32BE(4);
        this.#waiting.get(correlation)?.resolve(buffered.subarray(8, end));
        this.#waiting.delete(correlation);
        buffered = buffered.subarray(end);
      }
    });
    let failure = new Error('the broker closed the connection');
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => {
      this.#socket = undefined;
      for (const { reject } of this.#waiting.values()) reject(failure);
      this.#waiting.clear();
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('close', () => reject(failure));
    });
    return socket;
  }
}

/**
 * What an answer says of the only partition of its only topic.
 *
 * @param read reads what comes after the error code
 * @throws WireError
 */
function onlyPartition<T>(answer: Reader, request: string, read: () => T): T {
  const [[found] = []] = answer.array(() => {
    answer.string();
    return answer.array(() => {
      answer.int32();
      return { code: answer.int16(), value: read() };
    });
  });
  if (found === undefined || found.code !== 0) throw new WireError(request, found?.code);
  return found.value;
}

class WireError extends Error {
  readonly code: number | undefined;

  constructor(request: string, code: number | undefined) {
    super(`${request} answered with code ${code}`);
    this.code = code;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** Reads a trace.dat of version 6 by its manual page alone: what is not as written there throws. */

export interface DatFormat {
  readonly system: string;
  readonly name: string;
  readonly id: number;
  readonly fields: readonly {
    declared: string;
    name: string;
    offset: number;
    size: number;
    signed: boolean;
  }[];
  readonly print: string;
}

export interface DatEvent {
  readonly ns: number;
  readonly pid: number;
  readonly format: DatFormat;
  /** Numbers, and strings where the field is one. */
  readonly values: Readonly<Record<string, bigint | string>>;
}

export interface Dat {
  readonly formats: readonly DatFormat[];
  readonly kallsyms: ReadonlyMap<bigint, string>;
  readonly tasks: ReadonlyMap<number, string>;
  readonly events: readonly DatEvent[];
  readonly pages: number;
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`trace.dat: ${what}`);
}

class Reader {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  take(count: number): Buffer {
    demand(this.at + count <= this.bytes.length, 'it ends too early');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u16 = (): number => this.take(2).readUInt16LE();
  u32 = (): number => this.take(4).readUInt32LE();
  u64 = (): number => Number(this.take(8).readBigUInt64LE());
  text = (count: number): string => this.take(count).toString();

  string(): string {
    const end = this.bytes.indexOf(0, this.at);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  expect(text: string): void {
    const found = this.take(text.length).toString('latin1');
    demand(found === text, `expected ${JSON.stringify(text)}, found ${JSON.stringify(found)}`);
  }
}

const FIELD = /^\tfield:(.*?);\toffset:(\d+);\tsize:(\d+);\tsigned:([01]);$/;

function formatOf(system: string, text: string): DatFormat {
  const [, name, id, body, print] =
    /^name: (\w+)\nID: (\d+)\nformat:\n(.*)\nprint fmt: (".*)\n$/s.exec(text) ?? [];
  demand(print !== undefined, `a format: ${text}`);
  const lines = body!.split('\n').filter((line) => line !== '');
  const fields = lines.map((line) => {
    const [, declared, offset, size, signed] = FIELD.exec(line) ?? [];
    demand(declared !== undefined, `a field: ${line}`);
    return {
      declared: declared!,
      name: /(\w+)(?:\[\])?$/.exec(declared!)![1]!,
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
    };
  });
  const common = fields.slice(0, 4).map((field) => [field.declared, field.offset, field.size]);
  demand(
    JSON.stringify(common) ===
      '[["unsigned short common_type",0,2],["unsigned char common_flags",2,1],["unsigned char common_preempt_count",3,1],["int common_pid",4,4]]',
    'what every event begins with',
  );
  return { system, name: name!, id: Number(id), fields: fields.slice(4), print: print! };
}

function valuesOf({ fields }: DatFormat, record: Buffer): Record<string, bigint | string> {
  const cString = (from: number, to: number): string => {
    const bytes = record.subarray(from, to);
    const end = bytes.indexOf(0);
    demand(end >= 0, 'a string without an end');
    return bytes.subarray(0, end).toString();
  };
  return Object.fromEntries(
    fields.map(({ declared, name, offset, size, signed }) => {
      if (size === 0) return [name, cString(offset, record.length)];
      demand(offset % size === 0 && offset + size <= record.length, `${declared} is outside`);
      if (declared.startsWith('__data_loc')) {
        const place = record.readUInt32LE(offset);
        const [from, length] = [place % 65536, Math.floor(place / 65536)];
        demand(from + length <= record.length, `${declared} is outside`);
        return [name, cString(from, from + length)];
      }
      if (size === 4)
        return [name, BigInt(signed ? record.readInt32LE(offset) : record.readUInt32LE(offset))];
      return [name, signed ? record.readBigInt64LE(offset) : record.readBigUInt64LE(offset)];
    }),
  );
}

/** The records of a page of the ring buffer, with their times. */
export function recordsOf(page: Buffer): { ns: number; record: Buffer }[] {
  demand(page.length === 4096, 'a page of another size');
  let ns = Number(page.readBigUInt64LE());
  const commit = Number(page.readBigUInt64LE(8));
  demand(commit > 0 && commit <= 4080, `${commit} bytes on a page`);
  const records: { ns: number; record: Buffer }[] = [];
  let at = 16;
  while (at < 16 + commit) {
    const head = page.readUInt32LE(at);
    const [type, delta] = [head % 32, Math.floor(head / 32)];
    ns += delta;
    demand(type <= 28 || type === 30, `type ${type}`);
    if (type === 30) {
      ns += page.readUInt32LE(at + 4) * 2 ** 27;
      at += 8;
      continue;
    }
    const [from, length] = type === 0 ? [at + 8, page.readUInt32LE(at + 4) - 4] : [at + 4, 4 * type];
    records.push({ ns, record: page.subarray(from, from + length) });
    at = from + length;
  }
  demand(at === 16 + commit, 'a record leaves its page');
  demand(
    page.subarray(at).every((byte) => byte === 0),
    'something behind the last record',
  );
  return records;
}

export function readDat(bytes: Buffer): Dat {
  const reader = new Reader(bytes);
  reader.expect('\x17\x08\x44tracing6\0');
  reader.expect('\0\x08');
  demand(reader.u32() === 4096, 'page size');
  reader.expect('header_page\0');
  const headerPage = reader.text(reader.u64());
  demand(/field: local_t commit;\toffset:8;\tsize:8;/.test(headerPage), 'header_page');
  demand(/field: char data;\toffset:16;\tsize:4080;/.test(headerPage), 'header_page');
  reader.expect('header_event\0');
  demand(/type_len *: +5 bits.*data max type_len +== 28/s.test(reader.text(reader.u64())), 'header_event');
  const formats: DatFormat[] = [];
  const read = (system: string, count: number): void => {
    for (let n = 0; n < count; n++) formats.push(formatOf(system, reader.text(reader.u64())));
  };
  read('ftrace', reader.u32());
  for (let systems = reader.u32(); systems > 0; systems--) read(reader.string(), reader.u32());
  const symbols = reader.text(reader.u32()).matchAll(/^([0-9a-f]{16}) T (\w+)\n/gm);
  const kallsyms = new Map([...symbols].map(([, at, name]) => [BigInt(`0x${at}`), name!]));
  reader.take(reader.u32());
  const names = reader.text(reader.u64()).matchAll(/^(\d+) (.*)\n/gm);
  const tasks = new Map([...names].map(([, pid, name]) => [Number(pid), name!]));
  demand(reader.u32() === 1, 'CPUs');
  reader.expect('options  \0');
  for (let option = reader.u16(); option !== 0; option = reader.u16()) reader.take(reader.u32());
  reader.expect('flyrecord\0');
  const [offset, size] = [reader.u64(), reader.u64()];
  demand(offset % 4096 === 0 && reader.at <= offset && offset + size === bytes.length, 'where pages are');
  demand(
    bytes.subarray(reader.at, offset).every((byte) => byte === 0),
    'something behind the head',
  );
  const byId = new Map(formats.map((format) => [format.id, format]));
  demand(byId.size === formats.length, 'two events of one number');
  const events: DatEvent[] = [];
  for (let at = offset; at < offset + size; at += 4096) {
    for (const { ns, record } of recordsOf(bytes.subarray(at, at + 4096))) {
      const format = byId.get(record.readUInt16LE());
      demand(format !== undefined, `nobody's number ${record.readUInt16LE()}`);
      events.push({ ns, pid: record.readInt32LE(4), format: format!, values: valuesOf(format!, record) });
    }
  }
  return { formats, kallsyms, tasks, events, pages: size / 4096 };
}

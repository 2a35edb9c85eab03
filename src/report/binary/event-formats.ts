// SPDX-License-Identifier: GPL-2.0-only
/**
 * What binary traces say of their events, in the text of events/SYSTEM/NAME/format, and records of that layout. Answers
 * for: kernel/trace/trace_events.c (f_show()), kernel/trace/trace_entries.h, include/trace/stages/.
 */
import { GFP_NAMES } from '../../generations/gfp.js';
import {
  type Printed,
  STRUCT_PAGE,
  type Tracepoint,
  type TracepointField,
  VMEMMAP,
} from '../../generations/tracepoints.js';
import { Bytes } from './bytes.js';
import { MAX_EVENT } from './ring-buffer.js';

/** A string that stands behind the fields; the field says where. */
interface StringField {
  readonly string: string;
}

/** A string that ends the record. */
interface TailField {
  readonly tail: string;
}

type Field = TracepointField | StringField | TailField;

export interface EventFormat {
  readonly system: string;
  readonly name: string;
  /** Of events that always have the same. */
  readonly id?: number;
  readonly fields: readonly Field[];
  /** The format with its arguments, as C. */
  readonly print: string;
}

export type Value = number | bigint | string | Uint8Array;

const ulong = (name: string): TracepointField => ({ type: 'unsigned long', name, size: 8, signed: false });

/** TRACE_FN: a function is entered. */
export const FUNCTION: EventFormat = {
  system: 'ftrace',
  name: 'function',
  id: 1,
  fields: [ulong('ip'), ulong('parent_ip')],
  print: '" %ps <-- %ps", (void *)REC->ip, (void *)REC->parent_ip',
};

/** TRACE_PRINT: what a program writes into trace_marker. */
export const PRINT: EventFormat = {
  system: 'ftrace',
  name: 'print',
  id: 5,
  fields: [ulong('ip'), { tail: 'buf' }],
  print: '"%ps: %s", (void *)REC->ip, REC->buf',
};

/** Where readers resolve no functions. */
export const NAMED_PRINT: EventFormat = { ...PRINT, print: '"tracing_mark_write: %s", REC->buf' };

const gfpFlags = GFP_NAMES.map(([flags, name]) => `{ 0x${flags.toString(16)}, "${name}" }`).join(', ');

function argument({ system }: Tracepoint, { field, as }: Printed): string {
  if (as === 'bytes') return `__print_dynamic_array(${field}, 1)`;
  const value = `REC->${field}`;
  if (as === 'page') return `(0x${VMEMMAP.toString(16)} + ${value} * ${STRUCT_PAGE})`;
  if (as === 'pointer') return `(void *)${value}`;
  if (as === 'gfp') return `(${value}) ? __print_flags(${value}, "|", ${gfpFlags}) : "none"`;
  return system === 'syscalls' && field !== 'ret' ? `((unsigned long)(${value}))` : value;
}

const ofTracepoints = new Map<Tracepoint, EventFormat>();

export function formatOf(tracepoint: Tracepoint): EventFormat {
  const known = ofTracepoints.get(tracepoint);
  if (known !== undefined) return known;
  const { system, name, fields, format, printed } = tracepoint;
  const print = [`"${format}"`, ...printed.map((one) => argument(tracepoint, one))].join(', ');
  const made = { system, name, fields, print };
  ofTracepoints.set(tracepoint, made);
  return made;
}

/** Of what only the machine tells. */
const OWN_SYSTEM = 'hmm_sim';

const own = new Map<string, EventFormat>();

/** An event of ours: its function, address and page number, 0 where it has none, and all of it as text. */
export function ownFormat(event: string): EventFormat {
  const known = own.get(event);
  if (known !== undefined) return known;
  const made: EventFormat = {
    system: OWN_SYSTEM,
    name: `${OWN_SYSTEM}_${event}`,
    fields: [{ string: 'fn' }, { string: 'text' }, ulong('addr'), ulong('pfn')],
    print: '"%s", __get_str(text)',
  };
  own.set(event, made);
  return made;
}

/** Of those that every record begins with. */
const COMMON: readonly string[] = [
  'unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;',
  'unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;',
  'unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;',
  'int common_pid;\toffset:4;\tsize:4;\tsigned:1;',
];
const COMMON_BYTES = 8;

/** The first that is nobody's. */
const FIRST_ID = 300;

const encoder = new TextEncoder();

/** For C programs text ends at a NUL. No longer than so many bytes. */
function cString(text: string, most: number): Uint8Array {
  const bytes = encoder.encode(text.replaceAll('\0', ' '));
  const ended = new Uint8Array(Math.min(bytes.length, most - 1) + 1);
  ended.set(bytes.subarray(0, ended.length - 1));
  return ended;
}

const sizeOf = (field: Field): number => {
  if ('size' in field) return field.size;
  return 'string' in field ? 4 : 0;
};

/** A field with its place, in C. */
function declared(field: Field, offset: number): string {
  const size = sizeOf(field);
  const place = `offset:${offset};\tsize:${size};`;
  if ('string' in field) return `__data_loc char[] ${field.string};\t${place}\tsigned:0;`;
  if ('tail' in field) return `char ${field.tail}[];\t${place}\tsigned:0;`;
  return `${field.type} ${field.name};\t${place}\tsigned:${Number(field.signed)};`;
}

/** Where each field stands. */
function offsetsOf({ fields }: EventFormat): number[] {
  let end = COMMON_BYTES;
  return fields.map((field) => {
    const size = sizeOf(field);
    const at = size === 0 ? end : Math.ceil(end / size) * size;
    end = at + size;
    return at;
  });
}

function formatText(format: EventFormat, id: number): string {
  const offsets = offsetsOf(format);
  return [
    `name: ${format.name}`,
    `ID: ${id}`,
    'format:',
    ...COMMON.map((text) => `\tfield:${text}`),
    '',
    ...format.fields.map((field, i) => `\tfield:${declared(field, offsets[i]!)}`),
    '',
    `print fmt: ${format.print}`,
    '',
  ].join('\n');
}

/** The events of one file, by the numbers that they have in it. */
export class EventFormats {
  readonly #ids = new Map<EventFormat, number>();
  readonly #record = new Bytes();

  /** Numbers in the order in which they are asked for. */
  idOf(format: EventFormat): number {
    const known = this.#ids.get(format);
    if (known !== undefined) return known;
    const id = format.id ?? FIRST_ID + this.#ids.size;
    this.#ids.set(format, id);
    return id;
  }

  /** `values`: in the order of the fields. The bytes change with the next record. */
  encode(format: EventFormat, pid: number, values: readonly Value[]): Uint8Array {
    const record = this.#record;
    record.clear();
    record.u16(this.idOf(format)).u8(0).u8(0).u32(pid);
    const data: [at: number, bytes: string | Uint8Array][] = [];
    for (const [i, field] of format.fields.entries()) {
      const value = values[i]!;
      if ('string' in field) {
        data.push([record.length, String(value)]);
        record.u32(0);
      } else if (value instanceof Uint8Array) {
        data.push([record.length, value]);
        record.u32(0);
      } else if ('tail' in field) {
        record.raw(cString(String(value), MAX_EVENT - record.length));
      } else {
        record.align(field.size);
        if (field.size === 8) record.u64(value as number | bigint);
        else record.u32(Number(value));
      }
    }
    for (const [n, [at, one]] of data.entries()) {
      const left = MAX_EVENT - record.length - (data.length - n - 1);
      const bytes = typeof one === 'string' ? cString(one, left) : one;
      record.setU32(at, bytes.length * 0x1_0000 + record.length);
      record.raw(bytes);
    }
    return record.view();
  }

  /** Of ftrace's own events. */
  ftrace(): string[] {
    return this.#texts(PRINT.system);
  }

  /** Of all others, by system. */
  systems(): Map<string, string[]> {
    const systems = new Set([...this.#ids.keys()].map(({ system }) => system));
    systems.delete(PRINT.system);
    return new Map([...systems].map((system) => [system, this.#texts(system)]));
  }

  /** All numbers. */
  ids(): number[] {
    return [...this.#ids.values()];
  }

  #texts(system: string): string[] {
    const all = [...this.#ids].filter(([format]) => format.system === system);
    return all.map(([format, id]) => formatText(format, id));
  }
}

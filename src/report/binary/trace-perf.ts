// SPDX-License-Identifier: GPL-2.0-only
/**
 * Traces as `perf script` reads them: perf.data with samples of tracepoints. Answers for: tools/perf/Documentation/perf.data-file-format.txt,
 * tools/perf/util/header.h, include/uapi/linux/perf_event.h.
 */
import type { Moment, TraceRecord } from '../../watch/tracer.js';
import { endMarker, MARKER, stepMarker } from '../ftrace-line.js';
import { ownText } from '../trace-fields.js';
import { Bytes } from './bytes.js';
import {
  type EventFormat,
  EventFormats,
  formatOf,
  NAMED_PRINT,
  ownFormat,
  type Value,
} from './event-formats.js';
import { FileTime, Tasks } from './tasks.js';
import { tracingData } from './tracing-data.js';

const HEAD_BYTES = 104;
/** PERF_ATTR_SIZE_VER5. */
const ATTR_BYTES = 112;
/** An attribute, and where its ids are. */
const FILE_ATTR_BYTES = ATTR_BYTES + 16;

const PERF_TYPE_TRACEPOINT = 2;

const PERF_SAMPLE_TID = 1 << 1;
const PERF_SAMPLE_TIME = 1 << 2;
const PERF_SAMPLE_CPU = 1 << 7;
const PERF_SAMPLE_PERIOD = 1 << 8;
const PERF_SAMPLE_RAW = 1 << 10;
const PERF_SAMPLE_IDENTIFIER = 1 << 16;
const SAMPLE_TYPE =
  PERF_SAMPLE_TID |
  PERF_SAMPLE_TIME |
  PERF_SAMPLE_CPU |
  PERF_SAMPLE_PERIOD |
  PERF_SAMPLE_RAW |
  PERF_SAMPLE_IDENTIFIER;

/** Every event is told (`disabled` and all else is 0), and events that are no samples say when and where. */
const SAMPLE_ID_ALL = 1 << 18;

const PERF_RECORD_COMM = 3;
const PERF_RECORD_SAMPLE = 9;
const MISC_USER = 2;
const MISC_KERNEL = 1;
const RECORD_HEAD = 8;

const HEADER_TRACING_DATA = 1;
const HEADER_ARCH = 6;
const HEADER_NRCPUS = 7;

/** Strings of features end with zeros, up to such a length. */
const NAME_ALIGN = 64;

export class PerfWriter {
  readonly #formats = new EventFormats();
  readonly #tasks = new Tasks();
  readonly #time = new FileTime();
  readonly #pending = new Bytes();
  #name: string | undefined;
  #begun = false;
  /** Of records. */
  #bytes = 0;
  #attrs = { at: 0, bytes: 0 };

  section(heading: string): Uint8Array {
    this.#close();
    this.#mark(`# ${heading}`, this.#time.machine);
    return this.#out();
  }

  step(name: string, index: number, ns: number): Uint8Array {
    this.#name = name;
    this.#mark(stepMarker(index, name), ns);
    return this.#out();
  }

  record(record: TraceRecord): Uint8Array {
    const { kernel, addr, pfn } = record;
    if (kernel !== undefined) this.#sample(record, formatOf(kernel.tracepoint), kernel.values);
    else this.#sample(record, ownFormat(record.event), [record.fn, ownText(record), addr ?? 0, pfn ?? 0]);
    return this.#out();
  }

  /** The rest of the records, then what tells of them. */
  end(): Uint8Array {
    this.#close();
    const records = this.#out();
    const told = this.#features();
    this.#attrs = this.#attributes(told, HEAD_BYTES + this.#bytes);
    return new Bytes().raw(records).raw(told.view()).take();
  }

  /** struct perf_file_header. */
  head(): Uint8Array {
    const features = [HEADER_TRACING_DATA, HEADER_ARCH, HEADER_NRCPUS].reduce(
      (bits, n) => bits | (1 << n),
      0,
    );
    const head = new Bytes().text('PERFILE2').u64(HEAD_BYTES).u64(FILE_ATTR_BYTES);
    head.u64(this.#attrs.at).u64(this.#attrs.bytes).u64(HEAD_BYTES).u64(this.#bytes).u64(0).u64(0);
    return head.u64(features).u64(0).u64(0).u64(0).take();
  }

  #close(): void {
    if (this.#name !== undefined) this.#mark(endMarker(this.#name), this.#time.machine);
    this.#name = undefined;
  }

  #mark(text: string, ns: number): void {
    this.#sample({ ns, pid: 0, task: MARKER.task }, NAMED_PRINT, [0, text]);
  }

  #sample(moment: Moment, format: EventFormat, values: readonly Value[]): void {
    const time = this.#time.at(moment.ns);
    const { pid, fresh } = this.#tasks.find(moment.pid, moment.task);
    const id = this.#formats.idOf(format);
    if (fresh) this.#comm(pid, moment.task, time, id);
    const raw = this.#formats.encode(format, pid, values);
    // With the four bytes of its own length it ends where the next record may begin.
    const rawBytes = Math.ceil((raw.length + 4) / 8) * 8 - 4;
    const size = RECORD_HEAD + 8 + 8 + 8 + 8 + 8 + 4 + rawBytes;
    const record = this.#pending.u32(PERF_RECORD_SAMPLE).u16(MISC_KERNEL).u16(size);
    record.u64(id).u32(pid).u32(pid).u64(time).u64(0).u64(1).u32(rawBytes).raw(raw).align(8);
  }

  /** A task has that name from now on. */
  #comm(pid: number, task: string, time: number, id: number): void {
    const name = new Bytes().string(task.slice(0, 15)).align(8).take();
    const size = RECORD_HEAD + 8 + name.length + 8 + 8 + 8 + 8;
    const record = this.#pending.u32(PERF_RECORD_COMM).u16(MISC_USER).u16(size);
    record.u32(pid).u32(pid).raw(name).u32(pid).u32(pid).u64(time).u64(0).u64(id);
  }

  /** The records so far, each whole. */
  #out(): Uint8Array {
    const records = this.#pending.take();
    this.#pending.clear();
    this.#bytes += records.length;
    if (this.#begun) return records;
    this.#begun = true;
    return new Bytes().raw(new Uint8Array(HEAD_BYTES)).raw(records).take();
  }

  /** Where each of the features is, and they themselves: all that comes behind the records. */
  #features(): Bytes {
    const kinds = [
      tracingData('0.6', { formats: this.#formats, kallsyms: '', tasks: this.#tasks.lines() }).take(),
      featureString('x86_64'),
      new Bytes().u32(1).u32(1).take(),
    ];
    const table = new Bytes();
    let at = HEAD_BYTES + this.#bytes + 16 * kinds.length;
    for (const kind of kinds) {
      table.u64(at).u64(kind.length);
      at += kind.length;
    }
    for (const kind of kinds) table.raw(kind);
    return table.align(8);
  }

  /** Appends an attribute for each event, and its id; `at`: where `bytes` begin in the file. */
  #attributes(bytes: Bytes, at: number): { at: number; bytes: number } {
    const ids = this.#formats.ids();
    const idsAt = at + bytes.length;
    for (const id of ids) bytes.u64(id);
    const first = at + bytes.length;
    for (const [n, id] of ids.entries()) {
      const end = bytes.length + ATTR_BYTES;
      bytes
        .u32(PERF_TYPE_TRACEPOINT)
        .u32(ATTR_BYTES)
        .u64(id)
        .u64(1)
        .u64(SAMPLE_TYPE)
        .u64(0)
        .u64(SAMPLE_ID_ALL);
      while (bytes.length < end) bytes.u64(0);
      bytes.u64(idsAt + 8 * n).u64(8);
    }
    return { at: first, bytes: FILE_ATTR_BYTES * ids.length };
  }
}

function featureString(text: string): Uint8Array {
  const padded = new Bytes().string(text).align(NAME_ALIGN).take();
  return new Bytes().u32(padded.length).raw(padded).take();
}

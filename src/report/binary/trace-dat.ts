// SPDX-License-Identifier: GPL-2.0-only
/**
 * Traces as trace-cmd and KernelShark read them: trace.dat, version 6. Answers for: trace-cmd.dat.v6(5).
 *
 * What the file begins with tells of all that follows, and is known last; it takes the place of zeros that were written
 * for it.
 */
import type { FunctionRecord } from '../../watch/function-tracer.js';
import type { Moment, TraceRecord } from '../../watch/tracer.js';
import { endMarker, MARKER, stepMarker } from '../ftrace-line.js';
import { ownText } from '../trace-fields.js';
import { Bytes } from './bytes.js';
import {
  type EventFormat,
  EventFormats,
  FUNCTION,
  formatOf,
  ownFormat,
  PRINT,
  type Value,
} from './event-formats.js';
import { RingBuffer } from './ring-buffer.js';
import { Symbols } from './symbols.js';
import { FileTime, Tasks } from './tasks.js';
import { tracingData } from './tracing-data.js';

/** Whole pages. All formats of all generations take less than half of it. */
const HEAD_BYTES = 0x4_0000;

const OPTION_TRACECLOCK = 4;
const OPTION_CPUCOUNT = 8;
const CPUS = 1;

const NOTHING = new Uint8Array(0);

class DatFile {
  readonly #formats = new EventFormats();
  readonly #ring = new RingBuffer();
  protected readonly symbols = new Symbols();
  readonly #tasks = new Tasks();
  readonly #time = new FileTime();
  /** Of the scenario whose steps are being taken. */
  #name: string | undefined;
  #begun = false;
  #bytes = 0;

  /** `heading`: of a machine that begins. */
  section(heading: string): Uint8Array {
    return joined(this.#close(), this.#mark(`# ${heading}`, this.#time.machine));
  }

  step(name: string, index: number, ns: number): Uint8Array {
    this.#name = name;
    return this.#mark(stepMarker(index, name), ns);
  }

  /** What is left of the events. */
  end(): Uint8Array {
    return joined(this.#close(), this.#out(this.#ring.page()));
  }

  /** What the file begins with. */
  head(): Uint8Array {
    const tasks = this.#tasks.lines();
    for (;;) {
      const head = this.#head(tasks);
      const over = head.length - HEAD_BYTES;
      if (over <= 0) return head;
      if (tasks.length === 0) throw new Error(`formats of ${head.length} bytes in a trace`);
      // As in the kernel, not every task keeps its name.
      let dropped = 0;
      while (dropped < over && tasks.length > 0) dropped += tasks.pop()!.length;
    }
  }

  #head(tasks: readonly string[]): Uint8Array {
    const bytes = tracingData('6', { formats: this.#formats, kallsyms: this.symbols.text(), tasks });
    const clock = new Bytes().string('[local]').take();
    bytes.u32(CPUS).string('options  ');
    bytes.u16(OPTION_TRACECLOCK).u32(clock.length).raw(clock);
    bytes.u16(OPTION_CPUCOUNT).u32(4).u32(CPUS);
    bytes.u16(0).string('flyrecord').u64(HEAD_BYTES).u64(this.#bytes);
    return bytes.take();
  }

  #close(): Uint8Array {
    const name = this.#name;
    this.#name = undefined;
    return name === undefined ? NOTHING : this.#mark(endMarker(name), this.#time.machine);
  }

  #mark(text: string, ns: number): Uint8Array {
    const by = { ns, pid: 0, task: MARKER.task };
    return this.add(by, PRINT, [this.symbols.addressOf(MARKER.fn), text]);
  }

  protected add({ ns, pid, task }: Moment, format: EventFormat, values: readonly Value[]): Uint8Array {
    const record = this.#formats.encode(format, this.#tasks.find(pid, task).pid, values);
    return this.#out(this.#ring.add(this.#time.at(ns), record));
  }

  #out(page: Uint8Array | undefined): Uint8Array {
    this.#bytes += page?.length ?? 0;
    if (this.#begun) return page ?? NOTHING;
    this.#begun = true;
    return joined(new Uint8Array(HEAD_BYTES), page ?? NOTHING);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return new Bytes().raw(a).raw(b).take();
}

/** What happens. */
export class DatWriter extends DatFile {
  record(record: TraceRecord): Uint8Array {
    const { kernel, addr, pfn } = record;
    if (kernel !== undefined) return this.add(record, formatOf(kernel.tracepoint), kernel.values);
    return this.add(record, ownFormat(record.event), [record.fn, ownText(record), addr ?? 0, pfn ?? 0]);
  }
}

/** Which functions are entered. */
export class DatFunctionWriter extends DatFile {
  record(record: FunctionRecord): Uint8Array {
    return this.add(record, FUNCTION, [this.symbols.addressOf(record.fn), 0]);
  }
}

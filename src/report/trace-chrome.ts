// SPDX-License-Identifier: GPL-2.0-only
/**
 * Traces in the Chrome trace event format, which Perfetto and chrome://tracing open.
 *
 * Every section has a process for each process of the machine, with a track for each of its threads, one for the
 * kernel's own tasks, one with a track for each device, and one with the steps. System calls and page faults are slices
 * of the thread's track, the driver's commands slices of the device's; everything else is an instant. An arrow leads
 * from where a page came to a device to where it left it, or was freed.
 */

import type { EventName } from '../mm/trace.js';
import type { Page } from '../sim/memmap.js';
import type { TraceRecord } from '../watch/tracer.js';
import { fieldsOf } from './trace-fields.js';
import type { TraceWriter } from './trace-writer.js';

interface Track {
  readonly pid: number;
  readonly tid: number;
}

/** One event of the format; `ts` in microseconds. */
interface ChromeEvent extends Partial<Track> {
  readonly ph: string;
  readonly name: string;
  readonly ts?: number;
  readonly [field: string]: unknown;
}

interface Slice {
  readonly track: Track;
  readonly name: string;
}

/** What is open, and known, between the beginning of a machine and its end. */
class Section {
  /** Processes of the trace, by what they stand for. */
  readonly processes = new Map<string, number>();
  readonly tracks = new Map<string, Track>();
  /** Open slices, innermost last, by the thread that opened them. */
  readonly open = new Map<string, Slice[]>();
  /** Tracks of devices on which a command runs. */
  readonly busy = new Set<number>();
  /** Arrows that wait for their end, by the device page that they went to. */
  readonly arrows = new Map<Page, number>();
  last = 0;

  constructor(readonly heading: string) {}
}

/** A track that is there, and what tells of it where it is new. */
interface Found {
  readonly track: Track;
  readonly text: string;
}

const isBegin = (kind: EventName): boolean =>
  kind.startsWith('sys_enter_') || kind === 'page_fault_user' || kind === 'driver_command';
const isEnd = (kind: EventName): boolean =>
  kind.startsWith('sys_exit_') || kind === 'page_fault_end' || kind === 'driver_command_end';

export class ChromeTraceWriter implements TraceWriter {
  readonly brokenOff = '\n]}\n';
  #section = new Section('');
  /** Of processes and tracks: no number stands for two, whatever the machines call theirs. */
  #ids = 0;
  #flows = 0;
  #begun = false;

  section(heading: string): string {
    const closing = this.#closeAll();
    this.#section = new Section(heading);
    return closing;
  }

  step(_: string, index: number, ns: number, what: string): string {
    this.#section.last = ns;
    const { track, text } = this.#track('steps', 'steps', 'steps');
    const event = { ph: 'i', s: 't', name: `step ${index}`, cat: 'step', ts: ns / 1000, ...track };
    return text + this.#write({ ...event, args: { step: what } });
  }

  record(record: TraceRecord): string {
    this.#section.last = record.ns;
    const who = threadOf(record);
    if (isBegin(record.kind)) return this.#begin(who, record);
    if (isEnd(record.kind)) return this.#end(who, record);
    return this.#instant(record) + this.#arrow(who, record);
  }

  end(): string {
    const closing = this.#closeAll();
    const head = this.#begun ? '' : '{"displayTimeUnit":"ns","traceEvents":[\n';
    return `${head}${closing}\n]}\n`;
  }

  // --- slices -------------------------------------------------------------------------------------------

  #begin(who: string, record: TraceRecord): string {
    const named = this.#trackFor(record);
    const name = sliceName(record);
    const stack = this.#section.open.get(who) ?? [];
    stack.push({ track: named.track, name });
    this.#section.open.set(who, stack);
    const event = { ph: 'B', name, cat: category(record), ts: record.ns / 1000, ...named.track };
    return named.text + this.#write({ ...event, args: fieldsOf(record) });
  }

  #end(who: string, record: TraceRecord): string {
    const slice = this.#section.open.get(who)?.pop();
    if (slice === undefined) return '';
    const { track, name } = slice;
    this.#section.busy.delete(track.tid);
    return this.#write({ ph: 'E', name, ts: record.ns / 1000, ...track, args: fieldsOf(record) });
  }

  /** A machine that died leaves its slices open. */
  #closeAll(): string {
    const { open, last } = this.#section;
    const slices = [...open.values()].flatMap((stack) => stack.reverse());
    open.clear();
    return slices
      .map(({ track, name }) => this.#write({ ph: 'E', name, ts: last / 1000, ...track }))
      .join('');
  }

  // --- tracks -------------------------------------------------------------------------------------------

  #trackFor(record: TraceRecord): Found {
    if (record.command === undefined) return this.#threadTrack(record);
    const { name } = record.command.device;
    const { busy } = this.#section;
    for (let lane = 1; ; lane++) {
      const found = this.#track('devices', 'devices', lane === 1 ? name : `${name} (${lane})`);
      if (busy.has(found.track.tid)) continue;
      busy.add(found.track.tid);
      return found;
    }
  }

  #threadTrack({ pid, task, thread }: TraceRecord): Found {
    if (pid === 0) return this.#track('kernel', 'kernel', task);
    return this.#track(
      String(pid),
      `${task} (pid ${pid})`,
      thread === 0 ? task : `${task} thread ${thread}`,
      thread,
    );
  }

  /** `key` is the process's, `title` what it is called; `place` is the track in it, by its name unless it has a number. */
  #track(key: string, title: string, name: string, place: string | number = name): Found {
    const { tracks } = this.#section;
    const known = tracks.get(`${key} ${place}`);
    if (known !== undefined) return { track: known, text: '' };
    const { pid, text } = this.#process(key, title);
    const track = { pid, tid: ++this.#ids };
    tracks.set(`${key} ${place}`, track);
    return { track, text: text + this.#write({ ph: 'M', name: 'thread_name', ...track, args: { name } }) };
  }

  #process(key: string, title: string): { pid: number; text: string } {
    const { processes, heading } = this.#section;
    const known = processes.get(key);
    if (known !== undefined) return { pid: known, text: '' };
    const pid = ++this.#ids;
    processes.set(key, pid);
    const about = { ph: 'M', pid, tid: 0 };
    const named = this.#write({ ...about, name: 'process_name', args: { name: `${heading}: ${title}` } });
    const sorted = this.#write({ ...about, name: 'process_sort_index', args: { sort_index: pid } });
    return { pid, text: named + sorted };
  }

  // --- instants and arrows --------------------------------------------------------------------------------

  #instant(record: TraceRecord): string {
    const { track, text } = this.#threadTrack(record);
    const event = { ph: 'i', s: 't', name: record.event, cat: category(record), ts: record.ns / 1000 };
    return text + this.#write({ ...event, ...track, args: { fn: record.fn, ...fieldsOf(record) } });
  }

  /** A page that comes to a device begins an arrow, one that leaves it or is freed ends one. */
  #arrow(who: string, record: TraceRecord): string {
    const { kind, page, device } = record;
    if (page === undefined) return '';
    if (kind === 'device_page_free') return this.#endArrow(who, record, page);
    if (kind !== 'migrate_vma_insert_page' && kind !== 'remove_migration_pte') return '';
    const from = record.args.from_page as Page | undefined;
    if (from === page) return '';
    const ended = from === undefined ? '' : this.#endArrow(who, record, from);
    if (device === undefined || this.#section.arrows.has(page)) return ended;
    const id = ++this.#flows;
    this.#section.arrows.set(page, id);
    return ended + this.#flow(who, record, { ph: 's', id });
  }

  #endArrow(who: string, record: TraceRecord, from: Page): string {
    const id = this.#section.arrows.get(from);
    if (id === undefined) return '';
    this.#section.arrows.delete(from);
    return this.#flow(who, record, { ph: 'f', id, bp: 'e' });
  }

  /** Arrows bind to the slice that is open on their track at that time; where none is, to one of no length. */
  #flow(who: string, record: TraceRecord, fields: { ph: string; id: number; bp?: string }): string {
    const ts = record.ns / 1000;
    const slice = this.#section.open.get(who)?.at(-1);
    const { track, text } =
      slice === undefined ? this.#threadTrack(record) : { track: slice.track, text: '' };
    const flow = (): string =>
      this.#write({ ...fields, name: 'page on device', cat: 'migrate', ts, ...track });
    if (slice !== undefined) return flow();
    const { fn: name } = record;
    const begin = this.#write({ ph: 'B', name, cat: 'migrate', ts, ...track });
    return text + begin + flow() + this.#write({ ph: 'E', name, ts, ...track });
  }

  #write(event: ChromeEvent): string {
    const text = JSON.stringify(event);
    if (this.#begun) return `,\n${text}`;
    this.#begun = true;
    return `{"displayTimeUnit":"ns","traceEvents":[\n${text}`;
  }
}

/** What a thread's open slices are kept under. */
const threadOf = ({ pid, task, thread }: TraceRecord): string => `${pid} ${pid === 0 ? task : thread}`;

function sliceName({ kind, event, command }: TraceRecord): string {
  if (command !== undefined) return command.name;
  return kind === 'page_fault_user' ? 'page fault' : event.replace('sys_enter_', '');
}

/** Of what is not just 'mm'; system calls have theirs. */
const CATEGORIES: Readonly<Partial<Record<EventName, string>>> = {
  page_fault_user: 'exceptions',
  page_fault_end: 'exceptions',
  skip: 'migrate',
  set_migration_pte: 'migrate',
  remove_migration_pte: 'migrate',
  migrate_vma_insert_page: 'migrate',
  mm_page_alloc: 'kmem',
  mm_page_free: 'kmem',
  device_page_free: 'hmm',
  mmu_notifier_invalidate_range_start: 'hmm',
  hmm_range_fault: 'hmm',
  hmm_fault_failed: 'hmm',
  driver_command: 'hmm',
  driver_command_end: 'hmm',
  device_fault: 'hmm',
  device_migration: 'hmm',
  device_entry: 'hmm',
};

function category({ kind }: TraceRecord): string {
  return CATEGORIES[kind] ?? (kind.startsWith('sys_') ? 'syscalls' : 'mm');
}

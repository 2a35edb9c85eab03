// SPDX-License-Identifier: GPL-2.0-only
/**
 * Traces in the Chrome trace event format, which Perfetto and chrome://tracing open.
 *
 * Every section has two processes, its tasks and its devices, with one track for each. System calls and page faults
 * are slices of the task's track, the driver's commands slices of the device's; everything else is an instant on the
 * task's. An arrow leads from where a page came to a device to where it left it.
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

/** Tracks above this number hold commands that overlap with another of the same device. */
const LANES = 100;
/** The kernel's own tasks have no pid; their tracks are numbered from here. */
const KERNEL_TIDS = 1_000_000;

interface Slice {
  readonly track: Track;
  readonly name: string;
}

/** What is open, and known, between the beginning of a machine and its end. */
class Section {
  readonly tracks = new Map<string, Track>();
  /** Open slices, innermost last, by the task that opened them. */
  readonly open = new Map<string, Slice[]>();
  /** Commands that run on each device track. */
  readonly busy = new Map<number, string>();
  /** Arrows that wait for their end, by the device page that they went to. */
  readonly arrows = new Map<Page, number>();
  last = 0;

  constructor(readonly pid: number) {}
}

const isBegin = (kind: EventName): boolean =>
  kind.startsWith('sys_enter_') || kind === 'page_fault_user' || kind === 'driver_command';
const isEnd = (kind: EventName): boolean =>
  kind.startsWith('sys_exit_') || kind === 'page_fault_end' || kind === 'driver_command_end';

export class ChromeTraceWriter implements TraceWriter {
  #section = new Section(0);
  #sections = 0;
  #flows = 0;
  #begun = false;

  section(name: string): string {
    const closing = this.#closeAll();
    const pid = this.#sections * 2 + 1;
    this.#sections++;
    this.#section = new Section(pid);
    const names = [
      { ph: 'M', name: 'process_name', pid, tid: 0, args: { name: `${name}: tasks` } },
      { ph: 'M', name: 'process_sort_index', pid, tid: 0, args: { sort_index: pid } },
      { ph: 'M', name: 'process_name', pid: pid + 1, tid: 0, args: { name: `${name}: devices` } },
      { ph: 'M', name: 'process_sort_index', pid: pid + 1, tid: 0, args: { sort_index: pid + 1 } },
    ];
    return closing + names.map((event) => this.#write(event)).join('');
  }

  record(record: TraceRecord): string {
    this.#section.last = record.ns;
    const who = `${record.pid} ${record.task}`;
    if (isBegin(record.kind)) return this.#begin(who, record);
    if (isEnd(record.kind)) return this.#end(who, record);
    return this.#instant(who, record) + this.#arrow(who, record);
  }

  end(): string {
    const closing = this.#closeAll();
    const head = this.#begun ? '' : '{"displayTimeUnit":"ns","traceEvents":[\n';
    return `${head}${closing}\n]}\n`;
  }

  // --- slices -------------------------------------------------------------------------------------------

  #begin(who: string, record: TraceRecord): string {
    const named = this.#trackFor(who, record);
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
    this.#release(slice);
    const { track, name } = slice;
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

  #release({ track }: Slice): void {
    if (track.pid === this.#section.pid + 1) this.#section.busy.delete(track.tid);
  }

  // --- tracks -------------------------------------------------------------------------------------------

  #trackFor(who: string, record: TraceRecord): { track: Track; text: string } {
    if (record.command === undefined) return this.#taskTrack(who, record);
    const { device } = record.command;
    const { pid, busy } = this.#section;
    let tid = device.minor + 1;
    let lane = 1;
    for (; busy.has(tid); lane++) tid += LANES;
    busy.set(tid, who);
    const name = lane === 1 ? device.name : `${device.name} (${lane})`;
    return this.#track({ pid: pid + 1, tid }, name);
  }

  #taskTrack(who: string, { pid: tid, task }: TraceRecord): { track: Track; text: string } {
    return this.#track(
      { pid: this.#section.pid, tid: tid === 0 ? KERNEL_TIDS + this.#section.tracks.size : tid },
      task,
      who,
    );
  }

  /** The track, and its name where it is new. */
  #track(track: Track, name: string, key = `device ${track.tid}`): { track: Track; text: string } {
    const known = this.#section.tracks.get(key);
    if (known !== undefined) return { track: known, text: '' };
    this.#section.tracks.set(key, track);
    return { track, text: this.#write({ ph: 'M', name: 'thread_name', ...track, args: { name } }) };
  }

  // --- instants and arrows --------------------------------------------------------------------------------

  #instant(who: string, record: TraceRecord): string {
    const { track, text } = this.#taskTrack(who, record);
    const event = { ph: 'i', s: 't', name: record.event, cat: category(record), ts: record.ns / 1000 };
    return text + this.#write({ ...event, ...track, args: { fn: record.fn, ...fieldsOf(record) } });
  }

  /** A page that comes to a device begins an arrow, one that leaves it ends one. */
  #arrow(who: string, record: TraceRecord): string {
    const inserted = record.kind === 'migrate_vma_insert_page';
    if (!inserted && record.kind !== 'remove_migration_pte') return '';
    const from = record.args.from_page as Page | undefined;
    if (record.page === undefined || from === record.page) return '';
    const ended = from === undefined ? '' : this.#endArrow(who, record, from);
    if (record.device === undefined || this.#section.arrows.has(record.page)) return ended;
    const id = ++this.#flows;
    this.#section.arrows.set(record.page, id);
    return ended + this.#flow(who, record, { ph: 's', id });
  }

  #endArrow(who: string, record: TraceRecord, from: Page): string {
    const id = this.#section.arrows.get(from);
    if (id === undefined) return '';
    this.#section.arrows.delete(from);
    return this.#flow(who, record, { ph: 'f', id, bp: 'e' });
  }

  /** Arrows bind to the slice that is open on their track at that time. */
  #flow(who: string, record: TraceRecord, fields: { ph: string; id: number; bp?: string }): string {
    const slice = this.#section.open.get(who)?.at(-1);
    const track = slice?.track ?? this.#taskTrack(who, record).track;
    return this.#write({ ...fields, name: 'page on device', cat: 'migrate', ts: record.ns / 1000, ...track });
  }

  #write(event: ChromeEvent): string {
    const text = JSON.stringify(event);
    if (this.#begun) return `,\n${text}`;
    this.#begun = true;
    return `{"displayTimeUnit":"ns","traceEvents":[\n${text}`;
  }
}

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
  mmu_notifier_invalidate_range_start: 'hmm',
  hmm_range_fault: 'hmm',
  hmm_fault_failed: 'hmm',
  driver_command: 'hmm',
  driver_command_end: 'hmm',
  device_fault: 'hmm',
  device_entry: 'hmm',
};

function category({ kind }: TraceRecord): string {
  return CATEGORIES[kind] ?? (kind.startsWith('sys_') ? 'syscalls' : 'mm');
}

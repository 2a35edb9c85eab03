// SPDX-License-Identifier: GPL-2.0-only
/** Events of a machine with their time, task and physical pages: what trace files are written from. */

import { kernelName } from '../generations/names.js';
import type { Device } from '../kernel/module.js';
import { Process } from '../kernel/process.js';
import type { Machine } from '../machine/machine.js';
import { reasonText } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import type { Args, EventName, TraceEvent, TraceEventOf, TraceSink } from '../mm/trace.js';
import type { SimTask } from '../sim/executor.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { KernelEvent } from './kernel-event.js';
import { kernelEvent } from './tracepoints.js';

/** When, and by whom. */
export interface Moment {
  /** Simulated nanoseconds since boot. */
  readonly ns: number;
  /** 0 for the kernel's own tasks. */
  readonly pid: number;
  readonly task: string;
}

export interface TraceRecord extends Moment {
  /** Which thread of its process: the place of one that has ended goes to the next. */
  readonly thread: number;
  readonly kind: EventName;
  /** What the kernel calls it. */
  readonly event: string;
  readonly fn: string;
  readonly addr?: number;
  readonly pfn?: number;
  /** Name of the device whose memory the page is. */
  readonly device?: string;
  /** Number of the page in the memmap; it names a page for as long as it is in use. */
  readonly page?: Page;
  readonly reason?: Reason;
  /** The reason in words. */
  readonly why?: string;
  /** The command that begins, and the device that it is for. */
  readonly command?: { readonly name: string; readonly device: Device };
  readonly args: Args;
  /** What the kernel's own tracepoint there tells, if it has one. */
  readonly kernel?: KernelEvent;
}

export type TraceSinks = readonly (TraceSink | undefined)[];

export type TraceListener = (record: TraceRecord) => void;

/** Passes every event to several listeners, in their order. */
export function fanOut(...sinks: TraceSinks): TraceSink | null {
  const heard = sinks.filter((sink) => sink !== undefined);
  if (heard.length <= 1) return heard[0] ?? null;
  return {
    emit(event) {
      for (const sink of heard) sink.emit(event);
    },
  };
}

/** Now, and the task that runs. */
export function momentOf({ executor }: Machine): Moment {
  const owner = executor.current?.data;
  const process = owner instanceof Process ? owner : null;
  const task = process?.name ?? executor.current?.name ?? 'kernel';
  return { ns: executor.now, pid: process?.pid ?? 0, task };
}

/** Whether the event tells of another page that the contents, or the charge, were of before. */
const comesFromPage = (
  event: TraceEvent,
): event is TraceEventOf<'remove_migration_pte' | 'remove_migration_pmd' | 'mem_cgroup_migrate'> =>
  event.event === 'remove_migration_pte' ||
  event.event === 'remove_migration_pmd' ||
  event.event === 'mem_cgroup_migrate';

/** Completes the events of one machine. */
export class Tracer implements TraceSink {
  readonly #threads = new Map<unknown, SimTask[]>();

  constructor(
    private readonly machine: Machine,
    private readonly listener: TraceListener,
  ) {}

  emit(event: TraceEvent): void {
    this.listener({
      ...momentOf(this.machine),
      thread: this.#thread(),
      kind: event.event,
      event: event.tracepoint ?? event.event,
      fn: kernelName(event.fn, this.machine.generation.version),
      ...(event.addr === undefined ? {} : { addr: event.addr }),
      ...this.#page(event.page),
      ...(event.reason === undefined ? {} : { reason: event.reason, why: reasonText(event.reason) }),
      ...this.#command(event),
      args: this.#args(event),
      ...this.#kernel(event),
    });
  }

  #thread(): number {
    const { current } = this.machine.executor;
    if (current === null) return 0;
    const threads = this.#threads.get(current.data) ?? [];
    this.#threads.set(current.data, threads);
    const known = threads.indexOf(current);
    if (known >= 0) return known;
    const ended = threads.findIndex(({ state }) => state === 'done');
    const place = ended < 0 ? threads.length : ended;
    threads[place] = current;
    return place;
  }

  #kernel(event: TraceEvent): Pick<TraceRecord, 'kernel'> {
    const kernel = kernelEvent(this.machine, event);
    return kernel === undefined ? {} : { kernel };
  }

  #command(event: TraceEvent): Pick<TraceRecord, 'command'> {
    if (event.event !== 'driver_command') return {};
    const device = this.machine.drivers.deviceNamed(event.args.device);
    return device === null ? {} : { command: { name: event.command.name, device } };
  }

  #page(page: Page | undefined): Pick<TraceRecord, 'page' | 'pfn' | 'device'> {
    if (page === undefined || page === NO_PAGE) return {};
    const { kernel, drivers } = this.machine;
    const device = drivers.deviceOf(page)?.name;
    return { page, pfn: kernel.mem.page_to_pfn(page), ...(device === undefined ? {} : { device }) };
  }

  /** Pages in arguments become pfns. */
  #args(event: TraceEvent): Args {
    if (!comesFromPage(event)) return event.args ?? {};
    const { from } = event.args;
    return { from_page: from, from_pfn: `0x${this.machine.kernel.mem.page_to_pfn(from).toString(16)}` };
  }
}

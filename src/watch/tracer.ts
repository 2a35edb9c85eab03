// SPDX-License-Identifier: GPL-2.0-only
/** Events of a machine with their time, task and physical pages: what trace files are written from. */

import { kernelName } from '../generations/names.js';
import type { Device } from '../kernel/module.js';
import { Process } from '../kernel/process.js';
import type { Machine } from '../machine/machine.js';
import { reasonText } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import type { Args, EventName, TraceEvent, TraceSink } from '../mm/trace.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';

export interface TraceRecord {
  /** Simulated nanoseconds since boot. */
  readonly ns: number;
  /** 0 for the kernel's own tasks. */
  readonly pid: number;
  readonly task: string;
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

/** Completes the events of one machine. */
export class Tracer implements TraceSink {
  constructor(
    private readonly machine: Machine,
    private readonly listener: TraceListener,
  ) {}

  emit(event: TraceEvent): void {
    const { executor } = this.machine;
    const owner = executor.current?.data;
    const process = owner instanceof Process ? owner : null;
    this.listener({
      ns: executor.now,
      pid: process?.pid ?? 0,
      task: process?.name ?? executor.current?.name ?? 'kernel',
      kind: event.event,
      event: event.tracepoint ?? event.event,
      fn: kernelName(event.fn, this.machine.generation.version),
      ...(event.addr === undefined ? {} : { addr: event.addr }),
      ...this.#page(event.page),
      ...(event.reason === undefined ? {} : { reason: event.reason, why: reasonText(event.reason) }),
      ...this.#command(event),
      args: this.#args(event),
    });
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
    if (event.event !== 'remove_migration_pte') return event.args ?? {};
    const { from } = event.args;
    return { from_page: from, from_pfn: `0x${this.machine.kernel.mem.page_to_pfn(from).toString(16)}` };
  }
}

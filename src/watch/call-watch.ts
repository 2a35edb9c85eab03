// SPDX-License-Identifier: GPL-2.0-only
/** Watches the commands of drivers and the CPU's faults: the pages before and after each, and what was told between. */

import type { DriverCommand } from '../kernel/driver-events.js';
import type { Device } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import type { EventName, TraceEvent, TraceEventOf, TraceSink } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { PAGE_SIZE } from '../sim/memmap.js';
import { EventList } from './event-list.js';
import { MAX_OBSERVED, observePage, type PageState } from './observe.js';
import { PageStates } from './page-states.js';

/** Events that say what became of a page, or where a command ended; the others only take memory. */
const TELLING: ReadonlySet<EventName> = new Set<EventName>([
  'skip',
  'remove_migration_pte',
  'remove_migration_pmd',
  'migrate_vma_insert_page',
  'make_device_exclusive',
  'device_entry',
  'device_fault',
  'device_migration',
  'hmm_fault_failed',
  'gup_stopped',
  'memunmap_pages_wait',
  'workingset_refault',
  'mm_filemap_map_pages',
]);

/** What reclaim takes, what it leaves, who is woken for it, and who is killed where it does not suffice. */
export type ReclaimEvent = TraceEventOf<
  | 'reclaim_folio'
  | 'reclaim_unmap'
  | 'reclaim_clean'
  | 'skip'
  | 'oom_kill'
  | 'mm_vmscan_kswapd_wake'
  | 'wakeup_flusher_threads'
  | 'writeback_pages_written'
  | 'mm_vmscan_throttled'
>;

/** What becomes of pages that the hardware loses, and who comes for one of them. */
export type LostEvent = TraceEventOf<
  'poison_unmap' | 'poison_kill' | 'memory_failure' | 'soft_offline' | 'skip'
>;

const LOSSES: ReadonlySet<EventName> = new Set<EventName>([
  'poison_unmap',
  'poison_kill',
  'memory_failure',
  'soft_offline',
]);

function isLoss(event: TraceEvent): event is LostEvent {
  if (event.event === 'skip')
    return event.reason.id === 'hwpoison-page' || event.reason.id === 'hwpoison-entry';
  return LOSSES.has(event.event);
}

/** What a device has to give up, and what of it stays. */
export type EvictionEvent = TraceEventOf<'migrate_device_range' | 'skip'>;

/** Charges of memory cgroups. */
export type ChargeEvent = TraceEventOf<
  'mem_cgroup_charge' | 'mem_cgroup_migrate' | 'mem_cgroup_move_account' | 'mem_cgroup_charge_stays'
>;

const isCharge = (event: TraceEvent): event is ChargeEvent => event.event.startsWith('mem_cgroup_');

const RECLAIMS: ReadonlySet<EventName> = new Set<EventName>([
  'reclaim_folio',
  'reclaim_unmap',
  'reclaim_clean',
  'oom_kill',
  'mm_vmscan_kswapd_wake',
  'wakeup_flusher_threads',
  'writeback_pages_written',
  'mm_vmscan_throttled',
]);

function isReclaim(event: TraceEvent): event is ReclaimEvent {
  if (event.event === 'skip') return event.fn === 'shrink_folio_list';
  return RECLAIMS.has(event.event);
}

/** One command of a driver. */
export interface Call {
  readonly command: DriverCommand;
  readonly device: Device;
  /** Id of the open file. */
  readonly file: number;
  /** Which pages the open file has in its device page table, before and after: another of the same device has its own. */
  readonly knownBefore: readonly boolean[];
  knownAfter: readonly boolean[];
  readonly mm: MmStruct;
  readonly addr: number;
  /** Of the range; only the first MAX_OBSERVED have a state. */
  readonly pages: number;
  readonly before: PageStates;
  after: PageStates;
  readonly events: EventList;
  /** Undefined when the kernel died in the command. */
  ret: number | undefined;
}

/** One fault that the CPU took. */
export interface Fault {
  readonly mm: MmStruct;
  /** Page aligned. */
  readonly addr: number;
  readonly write: boolean;
  readonly before: PageState;
  after: PageState;
  readonly events: TraceEvent[];
  /** "ok", or the signal; undefined when the kernel died in the fault. */
  result: string | undefined;
}

export interface CallListener {
  call(call: Call): void;
  fault(fault: Fault): void;
  /** Memory is short, whoever is to give some up. */
  reclaimed?(event: ReclaimEvent): void;
  /** The hardware has lost pages, or had before. */
  lost?(event: LostEvent): void;
  /** A driver takes pages off its device, or a page is left alone. */
  evicts?(event: EvictionEvent): void;
  /** Of memory cgroups. */
  charge?(event: ChargeEvent): void;
  /** What is told outside of both. */
  other?(event: TraceEvent): void;
}

type Open = { readonly kind: 'call'; readonly it: Call } | { readonly kind: 'fault'; readonly it: Fault };

export class CallWatch implements TraceSink {
  /** What is going on, innermost last, by task. */
  readonly #open = new Map<number, Open[]>();

  constructor(
    private readonly machine: Machine,
    private readonly listener: CallListener,
  ) {}

  emit(event: TraceEvent): void {
    const stack = this.#stack();
    if (isLoss(event)) this.listener.lost?.(event);
    if (event.event === 'migrate_device_range' || event.event === 'skip') this.listener.evicts?.(event);
    if (isCharge(event)) this.listener.charge?.(event);
    else if (isReclaim(event)) this.listener.reclaimed?.(event);
    else if (event.event === 'driver_command') this.#beginCall(stack, event);
    else if (event.event === 'page_fault_user') this.#beginFault(stack, event);
    else if (event.event === 'driver_command_end' || event.event === 'page_fault_end')
      this.#end(stack, event);
    else if (stack.length === 0) this.listener.other?.(event);
    else if (TELLING.has(event.event)) for (const { it } of stack) it.events.push(event);
  }

  /** Tell of what tasks had begun that are gone, as far as it came; `dead`: all of them are. */
  abandon(dead: boolean): void {
    const alive = new Set(dead ? [] : [...this.machine.executor.tasks()].map(({ id }) => id));
    for (const [task, stack] of this.#open) {
      if (alive.has(task)) continue;
      this.#open.delete(task);
      for (const one of stack.reverse()) this.#tell(one);
    }
  }

  #stack(): Open[] {
    const task = this.machine.executor.current?.id ?? 0;
    let stack = this.#open.get(task);
    if (stack === undefined) {
      stack = [];
      this.#open.set(task, stack);
    }
    return stack;
  }

  #states(mm: MmStruct, addr: number, pages: number): PageStates {
    const count = Math.min(pages, MAX_OBSERVED);
    const states = new PageStates(count);
    for (let i = 0; i < count; i++) states.push(observePage(this.machine, mm, addr + i * PAGE_SIZE));
    return states;
  }

  #known(device: Device, file: number, addr: number, count: number): boolean[] {
    const { drivers } = this.machine;
    return Array.from({ length: count }, (_, i) => drivers.knows(device, file, addr + i * PAGE_SIZE));
  }

  #beginCall(stack: Open[], { command, mm, addr, args }: TraceEventOf<'driver_command'>): void {
    const { file, pages } = args;
    const before = this.#states(mm, addr, pages);
    const device = this.machine.drivers.deviceNamed(args.device)!;
    const known = this.#known(device, file, addr, before.length);
    const call: Call = {
      command,
      device,
      file,
      knownBefore: known,
      knownAfter: known,
      mm,
      addr,
      pages,
      before,
      after: before,
      events: new EventList(),
      ret: undefined,
    };
    stack.push({ kind: 'call', it: call });
  }

  #beginFault(stack: Open[], { mm, addr, args }: TraceEventOf<'page_fault_user'>): void {
    const page = addr - (addr % PAGE_SIZE);
    const before = observePage(this.machine, mm, page);
    const write = args.write === 1;
    const fault: Fault = { mm, addr: page, write, before, after: before, events: [], result: undefined };
    stack.push({ kind: 'fault', it: fault });
  }

  #end(stack: Open[], event: TraceEventOf<'driver_command_end' | 'page_fault_end'>): void {
    const open = stack.pop();
    if (open?.kind === 'call' && event.event === 'driver_command_end') open.it.ret = event.ret;
    if (open?.kind === 'fault' && event.event === 'page_fault_end') open.it.result = event.args.result;
    if (open !== undefined) this.#tell(open);
  }

  #tell({ kind, it }: Open): void {
    if (kind === 'call') {
      it.after = this.#states(it.mm, it.addr, it.pages);
      it.knownAfter = this.#known(it.device, it.file, it.addr, it.after.length);
      this.listener.call(it);
    } else {
      it.after = observePage(this.machine, it.mm, it.addr);
      this.listener.fault(it);
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the memory core tells about itself: skips with their reasons, faults, migrations. Off unless somebody listens.
 *
 * An event is data, each with its own arguments; texts are made by whoever prints. Rooms above merge their events into
 * `TraceEvents`: system calls (kernel/strace.ts), what drivers do (kernel/driver-events.ts), or a driver its own.
 * Whoever emits looks at `k.trace` first, so that an event nobody hears is never built.
 */
import type { Page } from '../sim/memmap.js';
import type { Reason } from './reasons.js';
import type { MmStruct } from './types.js';

/** An event about an address; about `args.pages` pages from there on, where it has that. */
export interface AtAddress {
  readonly mm: MmStruct;
  readonly addr: number;
}

/** An event about the page at an address. */
export interface AtPage extends AtAddress {
  readonly page: Page;
}

/** An event about a page, by the page alone. */
interface OfPage {
  readonly page: Page;
}

interface Because {
  readonly reason: Reason;
}

export type Args = Readonly<Record<string, string | number>>;

interface With<A extends Args> {
  readonly args: A;
}

/** What each event tells: by the tracepoint's name where the kernel has one, ours else. */
export interface TraceEvents {
  // Faults of the CPU.
  /** `user`: by the program; else by the kernel, for the program. */
  page_fault_user: AtAddress & With<{ write: number }> & { readonly user: boolean };
  /** `result`: "ok", or the signal. */
  page_fault_end: AtAddress & With<{ write: number; result: string }>;
  /** A fault maps one more page of the file than its own: by fault-around, or `pages` at once of a huge page. */
  mm_filemap_map_pages: AtPage & With<{ pages: number }>;
  // Migration. A skip names an address, or just a page that may be mapped at several.
  skip: Partial<AtPage> & Because & Partial<With<{ pages: number }>>;
  set_migration_pte: AtPage;
  remove_migration_pte: AtPage & With<{ from: Page }>;
  /** Of the huge page that begins there. */
  set_migration_pmd: AtPage & With<{ pages: number; present: number }>;
  remove_migration_pmd: AtPage & With<{ from: Page; pages: number }>;
  /** `pages`: of a huge page. */
  migrate_vma_insert_page: AtPage & Partial<With<{ pages: number }>>;
  // Devices.
  mmu_notifier_invalidate_range_start: AtAddress & With<{ notify: string; pages: number }>;
  hmm_range_fault: AtPage & With<{ flags: number; fault: number }>;
  /** By the core for a range, or by a device's driver for a page. */
  hmm_fault_failed: AtAddress & Because & With<{ pages: number } | { device: string }>;
  make_device_exclusive: AtPage;
  restore_exclusive_pte: AtPage;
  memunmap_pages_wait: OfPage & Because;
  /** A driver takes what is in use of `pages` pages of its device off it, whoever has it. */
  migrate_device_range: OfPage & With<{ pages: number }>;
  /** A device has its page back. */
  device_page_free: OfPage;
  // Pages, and who wants some.
  mm_page_alloc: OfPage & With<{ order: number }> & { readonly movable: boolean };
  mm_page_free: OfPage & With<{ order: number }>;
  alloc: AtAddress & Because;
  /** Reclaim has taken the page from its mapping. `to`: "swap", "file", or "nothing" where nobody wants what it holds. */
  reclaim_unmap: AtPage & With<{ to: string }>;
  /** Reclaim drops an unmapped page of a memory file that nobody is known to have written to. */
  reclaim_clean: OfPage;
  /** The hardware has lost the page, and it is no longer mapped. `to`: what stands for it, "hwpoison" or as above. */
  poison_unmap: AtPage & With<{ to: string }>;
  /** Somebody who maps a lost page, or its place, is told at once: by SIGBUS with `code`, or by SIGKILL. */
  poison_kill: AtPage & With<{ code: string }>;
  /** What became of a page that the hardware has lost, and what it was; both as the kernel log says. */
  memory_failure: OfPage & With<{ what: string; result: string }>;
  /** The page is used no more, before the hardware loses it. `how`: "migrated", or "invalidated" of a clean page of a file. */
  soft_offline: OfPage & With<{ how: string }>;
  /** A shared mapping of a page that is written back is clean and read-only from now on. */
  page_mkclean: AtPage;
  folio_start_writeback: OfPage;
  folio_end_writeback: OfPage;
  folio_wait_writeback: OfPage;
  /** Reclaim takes the folio, off `list`: it was not used since it last looked. `by`: who reclaims, and for whom. */
  reclaim_folio: OfPage & With<{ by: string; list: string }>;
  /**
   * What was evicted is back: `distance` pages went or became active since, of `size` that it may be. `active`: so it is
   * on the active list; `workingset`: it had been on it before.
   */
  workingset_refault: OfPage & With<{ distance: number; size: number; active: number; workingset: number }>;
  /** The daemon of node `nid` wakes: no more than `low` pages are free; it reclaims until more than `high` are. */
  mm_vmscan_kswapd_wake: With<{ nid: number; free: number; low: number; high: number }>;
  /** Task `task` met nothing but `pages` dirty pages on `list`, which nobody writes: the flusher is to. `by`: as above. */
  wakeup_flusher_threads: With<{ task: string; by: string; list: string; pages: number }>;
  /** The flusher has given `pages` to the disk, and sleeps. */
  writeback_pages_written: With<{ pages: number }>;
  /** Task `task`, which reclaims pages of node `nid`, has slept for `usec_delayed` of at most `usec_timeout`. */
  mm_vmscan_throttled: With<{
    task: string;
    nid: number;
    reason: string;
    usec_timeout: number;
    usec_delayed: number;
  }>;
  /** A process is killed for its memory. */
  oom_kill: { readonly mm: MmStruct } & With<{ pid: number; comm: string }>;
  // Memory cgroups, by their names; "/" is the root.
  mem_cgroup_charge: OfPage & With<{ memcg: string }>;
  /** The charge goes with the contents of `from` to the page. */
  mem_cgroup_migrate: OfPage & With<{ from: Page }>;
  /** It goes with a process to another cgroup. */
  mem_cgroup_move_account: OfPage & With<{ from: string; memcg: string }>;
  /** It does not, though the process has the page. */
  mem_cgroup_charge_stays: OfPage & Because & With<{ memcg: string }>;
  gup_stopped: AtAddress & Because & With<{ err: string }>;
  warn: Because;
}

/** What some events have and others have not. */
type Optional = 'mm' | 'addr' | 'page' | 'reason' | 'args' | 'tracepoint';

type Told<E, T> = {
  readonly event: E;
  /** The kernel function that decided. */
  readonly fn: string;
} & T & { readonly [F in Exclude<Optional, keyof T>]?: undefined };

export type EventName = keyof TraceEvents;

export type TraceEvent = { [E in EventName]: Told<E, TraceEvents[E]> }[EventName];

/** The event of that name. */
export type TraceEventOf<E extends EventName> = Extract<TraceEvent, { readonly event: E }>;

export interface TraceSink {
  emit(event: TraceEvent): void;
}

/** Hears of functions of the kernel, in the order in which they are entered. */
export interface FunctionSink {
  /** `addr`: what it is about, where it has that. */
  entered(fn: string, addr?: number): void;
}

/** The pages that an event with an address is about: that many from there on (`args.pages`), else one. */
export function tracedPages({ args }: TraceEvent): number {
  return args !== undefined && 'pages' in args ? Number(args.pages) : 1;
}

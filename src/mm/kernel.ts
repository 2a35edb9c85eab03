// SPDX-License-Identifier: GPL-2.0-only
/**
 * The globals of a booted kernel: what C keeps in static variables. One per machine; every function of the memory
 * core finds it through its mm, or takes it as first argument.
 */
import type { Behaviours } from '../generations/behaviours/index.js';
import { Contents } from '../sim/contents.js';
import { COST_CLEAR, COST_COPY, COST_FRUITLESS } from '../sim/costs.js';
import { KernelBug } from '../sim/errors.js';
import { type Executor, WaitQueue } from '../sim/executor.js';
import { Mutex, RwSem } from '../sim/locks.js';
import { Memmap, PAGEBLOCK, type Page } from '../sim/memmap.js';
import { PatchyContents } from '../sim/patchy-contents.js';
import { done, type Task } from '../sim/task.js';
import { Tlb } from '../sim/tlb.js';
import type { AnonVma } from './anon_vma.js';
import { Disk } from './block.js';
import { Flusher } from './fs_writeback.js';
import type { HugetlbPool } from './hugetlb_pool.js';
import { Kswapd } from './kswapd.js';
import { type Lru, LruLists, NodeLru } from './lru_lists.js';
import type { MemCgroups } from './memcontrol.js';
import type { MceTasks } from './memory_failure_kill.js';
import type { OfflineBlock } from './memory_hotplug.js';
import type { DevPagemap } from './memremap.js';
import { NodeReclaim } from './node_reclaim.js';
import type { OomTask, OomTasks } from './oom_kill.js';
import { PageAllocator, type PageBlocks, type Pages } from './page_alloc.js';
import { NodeMap, NodePages } from './page_alloc_nodes.js';
import { PG_locked, PG_reserved, PG_uptodate, PG_waiters } from './page_flags.js';
import { PageTables, TablePool } from './pgtable.js';
import type { IomemResource } from './resource.js';
import type { SwapDevice } from './swap.js';
import type { FunctionSink, TraceEvent, TraceSink } from './trace.js';
import { AddressSpace, MmStruct, type UserfaultWait } from './types.js';
import { VmaTree } from './vma_tree.js';

export type ThpMode = 'always' | 'madvise' | 'never';

export interface RamRange {
  /** First pfn. */
  readonly pfn: number;
  readonly pages: number;
}

/** Host memory that outlives a power cycle of the machine; nothing of its contents does. */
export interface HostMemory {
  readonly mem: Memmap;
  readonly contents: Contents;
  readonly tables: TablePool;
  readonly tlbs: Tlb[];
  readonly blocks: PageBlocks;
  readonly pgmapOfBlock: Uint16Array;
  readonly lru: Uint32Array;
}

/** What the memory core asks of the signals of the running task; whoever has processes knows. */
export interface Signals {
  /** Whether a deadly one has come (signal_pending). */
  pending(): boolean;
  /** Whether a signal wakes who sleeps on the queue. */
  wakes(queue: WaitQueue, on: boolean): void;
  /** A deadly signal for whoever runs (force_sig). */
  force(signal: string): void;
}

const NO_SIGNALS: Signals = { pending: () => false, wakes: () => {}, force: () => {} };

const ONE_NODE: readonly number[] = [0];

/** How often another task may be faster, before trying again has to be fruitless. */
const PATIENCE = 64;

export class Kernel {
  readonly mem: Memmap;
  readonly contents: Contents;
  readonly nodes: NodeMap;
  /** By node. */
  readonly zones: readonly PageAllocator[];
  readonly lruvecs: readonly LruLists[];
  readonly kswapds: readonly Kswapd[];
  readonly reclaims: readonly NodeReclaim[];
  /** The memory of all nodes, and their lists. */
  readonly pages: Pages;
  readonly lru: Lru;
  readonly tables: TablePool;
  private readonly tlbs: Tlb[];
  /** By id; id 0 is nobody. */
  readonly anonVmas: (AnonVma | null)[] = [null];
  readonly freeAnonVmaIds: number[] = [];
  readonly mappings: (AddressSpace | null)[] = [null];
  readonly freeMappingIds: number[] = [];
  /** Device memory begins here: is_zone_device_page() is one comparison. */
  firstDevicePage: Page = 0;
  /** pgmap by page block of device memory; index 0 is none. */
  pgmaps: (DevPagemap | null)[] = [null];
  pgmapOfBlock: Uint16Array;
  zeroPage: Page = 0;
  /** Pages of the kernel's image that programs may map (the vdso and its data). */
  readonly imagePages: Page[] = [];
  /** The huge zero folio, allocated at its first use. */
  hugeZeroFolio: Page = 0;
  hugetlb!: HugetlbPool;
  /** null: swapon was never called. */
  swap: SwapDevice | null = null;
  /** The processes that the OOM killer chooses from; null: there are none. */
  oomTasks: OomTasks | null = null;
  /** The processes, where pages are lost; null: there are none. */
  mceTasks: MceTasks | null = null;
  /** sysctl vm.memory_failure_early_kill: whether a process that says nothing of it is told of losses at once. */
  memory_failure_early_kill = false;
  /** Those that it killed, with the address space that they had. */
  readonly oomVictims = new Map<OomTask, MmStruct>();
  /** Memory blocks that are out of use. */
  readonly offline: OfflineBlock[] = [];
  /** Of the changes of what is in use. */
  readonly device_hotplug_lock: Mutex;
  dmesg: string[] = [];
  /** Whoever polls, of whatever file. */
  readonly pollers = new WaitQueue();
  signals = NO_SIGNALS;
  /** null: there are no cgroups but the root. */
  memcgs: MemCgroups | null = null;
  /** By page: who waits for its count to change (wait_var_event). */
  readonly varWaits = new Map<Page, WaitQueue>();
  /** By folio: who waits until the disk has it (folio_wait_writeback). */
  readonly writebackWaits = new Map<Page, WaitQueue>();
  /** What files on a disk have there. */
  readonly disk = new Disk(this);
  readonly flusher = new Flusher(this);
  /** By task: the fault that it has to wait for before it tries again. */
  readonly userfaults = new Map<object, UserfaultWait>();
  warnings = 0;
  trace: TraceSink | null = null;
  /** Who wants to know of pages of files: reclaim is about to drop one as clean; one leaves its cache, by whatever way. */
  cacheWatch: { droppedClean(folio: Page): void; left(folio: Page): void } | null = null;
  /** Told of each kernel function that is entered; null: nobody wants to know. */
  functions: FunctionSink | null = null;
  readonly mms = new Set<MmStruct>();
  /** Whoever keeps pages pinned after a system call, for the checkers: each pin is one page of the list. */
  readonly pinHolders: (() => Iterable<Page>)[] = [];
  /** Whoever keeps page locks, in the same way; a folio is there once. */
  readonly lockHolders: (() => Iterable<Page>)[] = [];
  /** Whoever keeps plain references, in the same way. */
  readonly referenceHolders: (() => Iterable<Page>)[] = [];
  /** References that the modelled kernel takes and, by a bug of its own, never drops. */
  readonly leakedReferences: Page[] = [];
  /** Pages that the hardware has lost: HardwareCorrupted of /proc/meminfo. */
  num_poisoned_pages = 0;
  private mmSerial = 0;
  private readonly waiters = new Map<Page, WaitQueue>();

  constructor(
    readonly executor: Executor,
    readonly behaviour: Behaviours,
    readonly iomem: IomemResource,
    /** By node. */
    ram: readonly (readonly RamRange[])[],
    readonly thp: ThpMode,
    reuse: HostMemory | null,
    /** Number of the page block that memory is handed out from first. */
    begin = 0,
    /** Whether there is memory at a pfn; null: wherever pages can be. */
    hasMemory: ((pfn: number) => boolean) | null = null,
  ) {
    const total = ram.flat().reduce((sum, range) => sum + range.pages, 0);
    this.device_hotplug_lock = new Mutex(executor, 'device_hotplug_lock');
    this.mem = reuse?.mem ?? new Memmap(total + 4 * 65536);
    this.contents =
      reuse?.contents ??
      (hasMemory === null ? new Contents(this.mem) : new PatchyContents(this.mem, hasMemory));
    this.tables = reuse?.tables ?? new TablePool();
    this.tlbs = reuse?.tlbs ?? [];
    this.pgmapOfBlock = reuse?.pgmapOfBlock.fill(0) ?? new Uint16Array(0);
    const runs = ram.map((own) =>
      own.map(({ pfn, pages }) => ({ first: this.mem.addRun(pfn, pages), pages })),
    );
    this.nodes = new NodeMap(runs);
    this.lruvecs = runs.map((_, nid) => new LruLists(this.mem, nid === 0 ? (reuse?.lru ?? null) : null));
    this.kswapds = runs.map((_, nid) => new Kswapd(this, nid));
    this.reclaims = runs.map(() => new NodeReclaim());
    this.zones = runs.map(
      (own, nid) =>
        new PageAllocator(this, own, nid === 0 ? (reuse?.blocks ?? null) : null, begin, this.kswapds[nid]!),
    );
    const several = runs.length > 1;
    this.pages = several ? new NodePages(this.zones, this.nodes) : this.zones[0]!;
    this.lru = several ? new NodeLru(this.lruvecs, this.nodes) : this.lruvecs[0]!;
    const last = runs.flat().at(-1)!;
    this.firstDevicePage = last.first + last.pages;
    this.zeroPage = this.pages.alloc_page();
    this.contents.clear_page(this.zeroPage);
    this.mem.flags[this.zeroPage] = PG_reserved | PG_uptodate;
  }

  /** The allocator of a machine with several nodes; null where there is one. */
  get severalNodes(): NodePages | null {
    return this.pages instanceof NodePages ? this.pages : null;
  }

  /** Nodes that memory may come from, in this order. */
  get zonelist(): readonly number[] {
    return this.severalNodes?.zonelist ?? ONE_NODE;
  }

  // --- struct page -------------------------------------------------------------------------------

  is_zone_device_page(page: Page): boolean {
    return page >= this.firstDevicePage;
  }

  /** Whether a device page still has its struct page: not when its range was unmapped (memunmap_pages). */
  has_pgmap(page: Page): boolean {
    return this.pgmapOrNull(page) !== null;
  }

  /** null: its range was unmapped. */
  pgmapOrNull(page: Page): DevPagemap | null {
    return this.pgmaps[this.pgmapOfBlock[((page - this.firstDevicePage) / PAGEBLOCK) | 0]!] ?? null;
  }

  pgmapOf(page: Page): DevPagemap {
    const pgmap = this.pgmapOrNull(page);
    if (pgmap === null) {
      throw new KernelBug('pgmap', `page ${page} belongs to no device`);
    }
    return pgmap;
  }

  addPgmap(pgmap: DevPagemap, first: Page, count: number): void {
    let id = this.pgmaps.indexOf(null, 1);
    if (id < 0) id = this.pgmaps.push(pgmap) - 1;
    this.pgmaps[id] = pgmap;
    const from = (first - this.firstDevicePage) / PAGEBLOCK;
    const to = from + count / PAGEBLOCK;
    if (to > this.pgmapOfBlock.length) {
      const grown = new Uint16Array(Math.max(to, this.pgmapOfBlock.length * 2, 1024));
      grown.set(this.pgmapOfBlock);
      this.pgmapOfBlock = grown;
    }
    this.pgmapOfBlock.fill(id, from, to);
  }

  removePgmap(pgmap: DevPagemap): void {
    const id = this.pgmaps.indexOf(pgmap);
    this.pgmaps[id] = null;
    for (let i = 0; i < this.pgmapOfBlock.length; i++) {
      if (this.pgmapOfBlock[i] === id) this.pgmapOfBlock[i] = 0;
    }
  }

  // --- page lock (mm/filemap.c) --------------------------------------------------------------------

  trylock_page(folio: Page): boolean {
    this.executor.point('page lock', folio);
    return this.takePage(folio);
  }

  private takePage(folio: Page): boolean {
    const { flags } = this.mem;
    if ((flags[folio]! & PG_locked) !== 0) return false;
    flags[folio]! |= PG_locked;
    if (this.executor.locks !== null) this.watchLocked(folio);
    return true;
  }

  /** A page comes locked into the world: for whoever watches locks. */
  watchLocked(folio: Page): void {
    this.executor.locks?.taken(this.executor.current, folio, this.pageLockName(folio));
  }

  private pageLockName(folio: Page): string {
    return `page lock of pfn 0x${this.mem.page_to_pfn(folio).toString(16)}`;
  }

  /** Context: may sleep. */
  lock_page(folio: Page, where: string): Task {
    if (this.executor.locks !== null)
      this.executor.locks.mayWait(this.executor.current, 'a page lock', where);
    if (this.executor.watched) return this.lock_page_slow(folio, where);
    return this.takePage(folio) ? done(undefined) : this.lock_page_slow(folio, where);
  }

  private *lock_page_slow(folio: Page, where: string): Task {
    if (this.executor.watched) yield* this.executor.pointTask('page lock', folio, where);
    while (!this.takePage(folio)) yield* this.wait_on_page_locked(folio, where);
  }

  /** Sleep until the page's lock has been dropped once. */
  *wait_on_page_locked(folio: Page, where: string): Task {
    if ((this.mem.flags[folio]! & PG_locked) === 0) return;
    let queue = this.waiters.get(folio);
    if (queue === undefined) {
      queue = new WaitQueue({ key: folio, name: this.pageLockName(folio) });
      this.waiters.set(folio, queue);
    }
    this.mem.flags[folio]! |= PG_waiters;
    yield* queue.sleep(this.executor, where);
  }

  unlock_page(folio: Page): void {
    const flags = this.mem.flags[folio]!;
    if ((flags & PG_locked) === 0) throw new KernelBug('folio_unlock', `page ${folio} is not locked`);
    this.mem.flags[folio] = flags & ~(PG_locked | PG_waiters);
    this.executor.locks?.dropped(this.executor.current, folio);
    if ((flags & PG_waiters) !== 0) {
      const queue = this.waiters.get(folio);
      this.waiters.delete(folio);
      queue?.wakeAll(this.executor);
    }
    this.executor.point('page unlock', folio);
  }

  // --- mm_struct (kernel/fork.c) --------------------------------------------------------------------

  mm_alloc(): MmStruct {
    const id = ++this.mmSerial;
    const lock = new RwSem(this.executor, 'mmap_lock');
    const mm = new MmStruct(this, id, new VmaTree(), new PageTables(this.tables), lock);
    for (const cpu of this.executor.cpus) cpu.tlbs[id] = this.tlbs.pop() ?? new Tlb();
    this.mms.add(mm);
    return mm;
  }

  /** Power off: what the next boot may use again, cleared. */
  power_off(): HostMemory {
    for (const mm of this.mms) {
      mm.pt.discard();
    }
    for (const { tlbs } of this.executor.cpus) {
      for (const tlb of tlbs) this.recycleTlb(tlb);
    }
    this.mem.reset(0);
    this.contents.reset();
    const { mem, contents, tables, tlbs, pgmapOfBlock } = this;
    return {
      mem,
      contents,
      tables,
      tlbs,
      blocks: this.pages.blocks,
      pgmapOfBlock,
      lru: this.lruvecs[0]!.log,
    };
  }

  private recycleTlb(tlb: Tlb | undefined): void {
    if (tlb === undefined) return;
    tlb.forgetAll();
    this.tlbs.push(tlb);
  }

  /** mmget_not_zero(). */
  mmget_not_zero(mm: MmStruct): boolean {
    if (mm.mm_users === 0) return false;
    mm.mm_users++;
    return true;
  }

  mmdrop(mm: MmStruct): void {
    if (--mm.mm_count > 0) return;
    this.mms.delete(mm);
    for (const { tlbs } of this.executor.cpus) {
      this.recycleTlb(tlbs[mm.id]);
      tlbs[mm.id] = undefined;
    }
  }

  // --- address_space ---------------------------------------------------------------------------------

  newMapping(kind: AddressSpace['kind'], size: number): AddressSpace {
    const id = this.freeMappingIds.pop() ?? this.mappings.length;
    const mapping = new AddressSpace(id, kind, size);
    this.mappings[id] = mapping;
    return mapping;
  }

  dropMapping(mapping: AddressSpace): void {
    this.mappings[mapping.id] = null;
    this.freeMappingIds.push(mapping.id);
  }

  /** clear_highpage(). */
  clear_highpage(page: Page): void {
    this.contents.clear_page(page);
    this.executor.charge(COST_CLEAR);
  }

  /** copy_highpage(). */
  copy_highpage(dst: Page, src: Page): void {
    this.contents.copy_page(dst, src);
    this.executor.charge(COST_COPY);
  }

  /** clear_highpage() of `nr` pages in a row. */
  clear_highpages(first: Page, nr: number): void {
    this.contents.clear_pages(first, nr);
    this.executor.charge(COST_CLEAR * nr);
  }

  /** copy_highpage() of `nr` pages in a row, as folio_copy() copies a huge page. */
  copy_highpages(dst: Page, src: Page, nr: number): void {
    this.contents.copy_pages(dst, src, nr);
    this.executor.charge(COST_COPY * nr);
  }

  /**
   * Something was tried for the `tries`th time, and has to be tried again. Past all patience that costs ever more time,
   * so that what never ends meets its time limit soon. Return: whether it does; the caller looks who else wants to run.
   */
  tried_in_vain(tries: number): boolean {
    if (tries < PATIENCE) return false;
    this.executor.charge(COST_FRUITLESS * Math.floor(tries / PATIENCE));
    return true;
  }

  // --- dmesg and trace ---------------------------------------------------------------------------------

  printk(line: string): void {
    this.dmesg.push(line);
  }

  /** WARN(): the function and the message go to dmesg, execution continues. */
  warn(fn: string, message: string): void {
    this.warnings++;
    this.dmesg.push(`WARNING: ${fn}: ${message}`);
    this.trace?.emit({ event: 'warn', fn, reason: { id: 'warning', message } });
  }

  /** WARN_ON_ONCE(): the first occurrence goes to dmesg. */
  warn_on_once(fn: string, message: string): void {
    if (!this.dmesg.includes(`WARNING: ${fn}: ${message}`)) this.warn(fn, message);
  }

  /** What stands for a kernel function says so once, where it is entered; `addr`: what it is about, where it has that. */
  enter(fn: string, addr?: number): void {
    if (this.functions !== null) this.functions.entered(fn, addr);
  }

  /** Context: somebody traces; who calls this has asked, and builds no event for nobody. */
  note(event: TraceEvent): void {
    this.trace?.emit(event);
  }
}

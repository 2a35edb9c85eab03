// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, its structs. */

import type { FileTable } from '../../fs/file.js';
import type { Generation } from '../../generations/types.js';
import type { Kernel } from '../../mm/kernel.js';
import type { DevPagemap } from '../../mm/memremap.js';
import { MmuIntervalNotifier, type MmuNotifierRange } from '../../mm/mmu_notifier.js';
import type { U64 } from '../../sim/bytes.js';
import { Mutex, SpinLock } from '../../sim/locks.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { HPAGE_PMD_NR, PTRS_PER_PTE } from '../../uapi/mman.js';
import { XArray } from './xarray.js';

/** Bytes of device memory that a device takes at a time. */
export const DEVMEM_CHUNK_SIZE = 256 * 1024 * 1024;
/** Pages that one step of an ioctl handles. */
export const BATCH = 64;
/** Simulated nanoseconds that reading the page table of one batch takes. */
export const COST_BATCH = 1500;
/** Simulated time (ns) of a device that faults, waits for the CPU and tries again. */
export const COST_RETRY = 1500;
/** An entry of the device page table, read, written or erased. */
export const COST_TABLE = 100;
/** A page of the buffer between device and user memory, mapped into the kernel and taken out again. */
export const COST_BOUNCE = 1600;
/** Simulated time after which a device fault gives up. */
export const HMM_RANGE_DEFAULT_TIMEOUT_NS = 1_000_000_000;

export type ZoneDeviceType = 'private' | 'coherent';

/** struct dmirror_chunk: a range of device memory. */
export class DmirrorChunk {
  remove = false;
  pagemap!: DevPagemap;
  /** Guarded by: the device's lock. Free pages that were never used: they go from the last to the first, like a list filled in order. */
  virgin: Page = NO_PAGE;
  /** Its pages are handed out 512 at a time. */
  large = false;
  /** The first page that was ever used. */
  get firstUsed(): Page {
    return this.virgin + (this.large ? HPAGE_PMD_NR : 1);
  }

  /** Pages that left the free list and never got to anybody. */
  lost = 0;

  constructor(readonly mdevice: DmirrorDevice) {}
}

/** struct dmirror_device. */
export class DmirrorDevice {
  zone_device_type: ZoneDeviceType;
  /** Guarded by: devmem_lock. */
  chunks: DmirrorChunk[] = [];
  readonly devmem_lock: Mutex;
  readonly lock: SpinLock;
  /** Pages that came back, last in first out, linked in zone_device_data. Guarded by: lock; so are the counts. */
  free_pages: Page = NO_PAGE;
  /** Folios of 512 pages, in the same way. Guarded by: lock. */
  free_folios: Page = NO_PAGE;
  calloc = 0;
  cfree = 0;

  constructor(
    readonly module: DmirrorModule,
    readonly minor: number,
    type: ZoneDeviceType,
  ) {
    const { executor } = module.kernel;
    this.zone_device_type = type;
    this.devmem_lock = new Mutex(executor, `hmm_dmirror${minor} devmem_lock`);
    this.lock = new SpinLock(executor, `hmm_dmirror${minor} lock`);
  }

  get name(): string {
    return `hmm_dmirror${this.minor}`;
  }
}

/** struct dmirror: one open of a device, mirroring the opener's address space. */
export class Dmirror {
  /** The device page table. Guarded by: mutex. */
  readonly pt = new XArray();
  readonly notifier: MmuIntervalNotifier;
  readonly mutex: Mutex;
  /** What zone_device_data of a backing page holds. */
  readonly id: number;
  /** The next migration finds no memory, once (HMM_DMIRROR_FLAG_FAIL_ALLOC). */
  failAlloc = false;

  constructor(readonly mdevice: DmirrorDevice) {
    const { module } = mdevice;
    this.notifier = new MmuIntervalNotifier(this);
    this.mutex = new Mutex(module.kernel.executor, `hmm_dmirror${mdevice.minor} mutex`);
    this.id = module.mirrors.push(this) - 1;
  }
}

/** What one batch of an ioctl works on; C has it on the stack. */
export class Batch {
  readonly hmm_pfns = new Uint32Array(BATCH);
  readonly hmm_flags = new Uint16Array(BATCH);
  readonly perm = new Uint8Array(BATCH);
  readonly src = new Uint32Array(PTRS_PER_PTE);
  readonly dst = new Uint32Array(PTRS_PER_PTE);

  clear(): this {
    this.hmm_pfns.fill(0);
    this.hmm_flags.fill(0);
    this.perm.fill(0);
    this.src.fill(0);
    this.dst.fill(0);
    return this;
  }
}

/** Batches that nobody works on now, of whatever machine. Typed arrays are dear to make and to collect. */
const freeBatches: Batch[] = [];

/** A batch of zeros, as CONFIG_INIT_STACK_ALL_ZERO has it. */
export function takeBatch(): Batch {
  return freeBatches.pop()?.clear() ?? new Batch();
}

export function giveBatch(batch: Batch): void {
  freeBatches.push(batch);
}

/** The loaded module: what C keeps in static variables. */
export interface DmirrorModule {
  readonly kernel: Kernel;
  readonly files: FileTable;
  readonly generation: Generation;
  /** 0 where the parameter is not set. */
  readonly spm_addr_dev0: number;
  readonly spm_addr_dev1: number;
  readonly devices: DmirrorDevice[];
  /** By id; null when closed. */
  readonly mirrors: (Dmirror | null)[];
  /** For the checkers: told of every invalidation that a file ignores because its own device migrates. */
  onIgnored?: (dmirror: Dmirror, range: MmuNotifierRange) => void;
}

/** struct hmm_dmirror_cmd, in kernel memory. Addresses are page aligned, so that doubles hold them exactly. */
export interface DmirrorCmd {
  readonly addr: number;
  readonly ptr: number;
  /** Bytes of the range, after the shift that may overflow. */
  readonly size: number;
  /** The page count as it was passed, for commands that take it for something else. */
  readonly npages: U64;
  cpages: number;
  faults: number;
  zone_device_type: number;
  readonly alloc_to_devmem: boolean;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25, its structs. */
import type { Generation } from '../../generations/types.js';
import type { HmmDevice } from '../../mm/hmm_device.js';
import type { HmmDevmem } from '../../mm/hmm_devmem.js';
import { HmmMirror, type HmmMirrorOps } from '../../mm/hmm_mirror.js';
import type { Kernel } from '../../mm/kernel.js';
import type { MmStruct } from '../../mm/types.js';
import { SpinLock } from '../../sim/locks.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

/** Bytes of memory that a device has which the CPU cannot reach. */
export const DEVMEM_SIZE = 256 * 2 ** 20;
/** Pages that one step of an ioctl handles. */
export const BATCH = 64;

/** struct dmirror_device: its memory, and the pages of it that are free. */
export class DmirrorDevice {
  devmem!: HmmDevmem;
  /** The class device that it is found under. */
  hmm_device!: HmmDevice;
  readonly lock: SpinLock;
  /** Pages that came back, the last one on top. Guarded by: lock. */
  readonly freed: Page[] = [];
  /** Pages that were handed out once, from the first on. Guarded by: lock. */
  used = 0;

  constructor(
    readonly module: DmirrorModule,
    readonly minor: number,
    /** The CPU reaches its memory. */
    readonly cdm: boolean,
  ) {
    this.lock = new SpinLock(module.kernel.executor, `${this.name}->lock`);
  }

  get name(): string {
    return `hmm_dmirror${this.minor}`;
  }
}

/** An entry of the device's page table. */
export interface DevicePte {
  readonly page: Page;
  readonly write: boolean;
}

/** struct dmirror: an open file, and the address space that it mirrors. */
export class Dmirror {
  readonly mirror: HmmMirror;
  /** Of `pt`: the callback of the mirror takes it, too. */
  readonly lock: SpinLock;
  /** By page number of the address. Guarded by: lock. */
  readonly pt = new Map<number, DevicePte>();

  constructor(
    readonly mdevice: DmirrorDevice,
    readonly mm: MmStruct,
    readonly id: number,
    ops: HmmMirrorOps,
  ) {
    this.mirror = new HmmMirror(ops);
    this.lock = new SpinLock(mm.kernel.executor, 'dmirror->lock');
  }

  /** Forget [start, end), bytes. Context: lock held. */
  erase(start: number, end: number): void {
    const [first, last] = [Math.floor(start / PAGE_SIZE), Math.ceil(end / PAGE_SIZE)];
    if (last - first <= this.pt.size) {
      for (let index = first; index < last; index++) this.pt.delete(index);
      return;
    }
    for (const index of this.pt.keys()) if (index >= first && index < last) this.pt.delete(index);
  }
}

/** The loaded module: what C keeps in static variables. */
export interface DmirrorModule {
  readonly kernel: Kernel;
  readonly generation: Generation;
  readonly devices: DmirrorDevice[];
  /** Open files, by id. */
  readonly mirrors: Map<number, Dmirror>;
  nextId: number;
}

/** A command's range, in kernel memory. Addresses are page aligned. */
export interface DmirrorCmd {
  readonly addr: number;
  readonly end: number;
  readonly ptr: number;
  cpages: number;
  faults: number;
}

/** The device whose memory the page is; null for another driver's, or RAM. */
export function device_of(k: Kernel, page: Page): DmirrorDevice | null {
  const container = k.is_zone_device_page(page) ? (k.pgmapOrNull(page)?.container ?? null) : null;
  return container instanceof DmirrorDevice ? container : null;
}

/** Where the contents of a page are: of memory that the CPU cannot reach, a page of RAM stands for it. */
export function backing(k: Kernel, page: Page): Page {
  const mdevice = device_of(k, page);
  return mdevice === null || mdevice.cdm ? page : k.mem.priv[page]!;
}

/** The same for whoever looks from outside: NO_PAGE where the page is its own. */
export function backing_of(k: Kernel, page: Page): Page {
  const rpage = backing(k, page);
  return rpage === page ? NO_PAGE : rpage;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: struct nouveau_drm, struct nouveau_svmm and struct nouveau_dmem_chunk of drivers/gpu/drm/nouveau. */
import type { Kernel } from '../../mm/kernel.js';
import type { DevPagemap } from '../../mm/memremap.js';
import type { MmuNotifier } from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import { Mutex, SpinLock } from '../../sim/locks.js';
import type { Page } from '../../sim/memmap.js';
import { NouveauVmm } from './nouveau_vmm.js';

export const DMEM_CHUNK_SIZE = 2 * 2 ** 20;

/** A piece of the GPU's memory, with the device pages that stand for it. */
export interface NouveauDmemChunk {
  readonly pagemap: DevPagemap;
  /** Pages in use. */
  callocated: number;
}

/** The address space of a client that shares its virtual memory with the GPU. */
export class NouveauSvmm {
  readonly mutex: Mutex;
  /** Null once the client has closed its file. */
  vmm: NouveauVmm | null = new NouveauVmm();
  notifier: MmuNotifier = {};
  /** A fault was cancelled, and the channel with it. */
  killed = false;

  constructor(
    readonly drm: NouveauDrm,
    readonly mm: MmStruct,
    readonly id: number,
  ) {
    this.mutex = new Mutex(mm.kernel.executor, 'svmm->mutex');
  }
}

/** One GPU. */
export class NouveauDrm {
  /** drm->dmem. */
  readonly chunks: NouveauDmemChunk[] = [];
  readonly free_pages: Page[] = [];
  readonly mutex: Mutex;
  readonly lock: SpinLock;
  /** By page in use, zone_device_data. */
  readonly svmm_of = new Map<Page, NouveauSvmm>();
  readonly clients: NouveauSvmm[] = [];
  /** Bytes of memory that no chunk has yet. */
  vram: number;
  /** Copies that are to fail. */
  failing = 0;
  /** Copies that the engine takes and does not do. */
  losing = 0;

  constructor(
    readonly k: Kernel,
    vram: number,
  ) {
    this.vram = vram;
    this.mutex = new Mutex(k.executor, 'dmem->mutex');
    this.lock = new SpinLock(k.executor, 'dmem->lock');
  }

  /** drm->dmem->migrate.copy_func(). Return: whether the engine has copied. */
  copy_func(to: Page, from: Page): boolean {
    if (this.failing > 0) {
      this.failing--;
      return false;
    }
    if (this.losing > 0) this.losing--;
    else this.k.contents.copy_page(to, from);
    return true;
  }
}

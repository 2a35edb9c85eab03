// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stands for the GPU's page tables and for nvkm/subdev/mmu, as far as shared virtual memory needs them: PFNMAP and
 * PFNCLR, and accesses of the GPU, which fault where an entry does not allow them.
 */
import type { Page } from '../../sim/memmap.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

export const FAULT_ACCESS_READ = 0;
export const FAULT_ACCESS_WRITE = 1;
export const FAULT_ACCESS_ATOMIC = 2;
export const FAULT_ACCESS_PREFETCH = 3;

/** NVIF_VMM_PFNMAP_V0_*: of a valid entry. */
export interface GpuPte {
  readonly page: Page;
  /** V0_W, V0_A. */
  readonly write: boolean;
  readonly atomic: boolean;
}

export class NouveauVmm {
  /** By page number of the address. */
  readonly #ptes = new Map<number, GpuPte>();

  pfnmap(addr: number, pte: GpuPte): void {
    this.#ptes.set(addr / PAGE_SIZE, pte);
  }

  /** [addr, limit). */
  pfnclr(addr: number, limit: number): void {
    const [first, last] = [Math.floor(addr / PAGE_SIZE), Math.ceil(limit / PAGE_SIZE)];
    if (last - first <= this.#ptes.size) {
      for (let index = first; index < last; index++) this.#ptes.delete(index);
      return;
    }
    for (const index of this.#ptes.keys()) if (index >= first && index < last) this.#ptes.delete(index);
  }

  lookup(addr: number): GpuPte | undefined {
    return this.#ptes.get(addr / PAGE_SIZE);
  }

  /** The entry for an access; undefined where the GPU faults. */
  translate(addr: number, access: number): GpuPte | undefined {
    const pte = this.lookup(addr);
    if (pte === undefined || access === FAULT_ACCESS_READ || access === FAULT_ACCESS_PREFETCH) return pte;
    // In memory of the GPU's own, too, as gp100_vmm_pgt_pfn() has it: "atomic disable".
    if (access === FAULT_ACCESS_WRITE) return pte.write ? pte : undefined;
    return pte.atomic ? pte : undefined;
  }

  *entries(): Iterable<readonly [addr: number, pte: GpuPte]> {
    for (const [index, pte] of this.#ptes) yield [index * PAGE_SIZE, pte];
  }
}

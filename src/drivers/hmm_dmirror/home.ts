// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25: pages come home, for a command or a fault of the CPU. */
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  skip,
} from '../../mm/migrate_vma.js';
import { type MigrateVmaOps, migrate_vma } from '../../mm/migrate_vma_ops.js';
import { alloc_page } from '../../mm/page_alloc_slow.js';
import { VM_FAULT_SIGBUS, type VmArea } from '../../mm/types.js';
import { NO_PAGE } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { backing, type DmirrorModule, device_of } from './dmirror.js';

/** Of entry `n`. */
export const addressOf = ({ start }: MigrateVma, n: number): number => start + n * PAGE_SIZE;

/** Who brings pages home, and how many have come. */
export interface Homeward {
  readonly module: DmirrorModule;
  readonly moved: { pages: number };
}

/** A page of RAM for each page of a device of ours. */
function* alloc_home_and_copy(migrate: MigrateVma, { module: { kernel: k } }: Homeward): Task {
  for (let n = 0; n < migrate.npages; n++) {
    const mpfn = migrate.src[n]!;
    const spage = migrate_pfn_to_page(mpfn);
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0 || spage === NO_PAGE || device_of(k, spage) === null) continue;
    const dpage = yield* alloc_page(k);
    if (dpage === NO_PAGE) {
      skip(migrate, addressOf(migrate, n), spage, 'dmirror_fault_alloc_and_copy', 'no-system-memory');
      continue;
    }
    k.trylock_page(dpage);
    k.copy_highpage(dpage, backing(k, spage));
    migrate.dst[n] = (migrate_pfn(dpage) | (mpfn & MIGRATE_PFN_WRITE)) >>> 0;
  }
}

// biome-ignore lint/correctness/useYield: other drivers wait for their engine here.
function* count_home({ src, dst, npages }: MigrateVma, { moved }: Homeward): Task {
  for (let n = 0; n < npages; n++) {
    if ((src[n]! & MIGRATE_PFN_MIGRATE) !== 0 && migrate_pfn_to_page(dst[n]!) !== NO_PAGE) moved.pages++;
  }
}

export const dmirror_fault_ops: MigrateVmaOps<Homeward> = {
  alloc_and_copy: alloc_home_and_copy,
  finalize_and_map: count_home,
};

/** One page at `addr` comes home, whichever device of ours has it. Context: mmap_lock held. Return: 0 or VM_FAULT_SIGBUS. */
export function* bring_home(module: DmirrorModule, vma: VmArea, addr: number): Task<number> {
  const homeward = { module, moved: { pages: 0 } };
  const ret = yield* migrate_vma(dmirror_fault_ops, vma, addr, addr + PAGE_SIZE, homeward);
  return ret !== 0 ? VM_FAULT_SIGBUS : 0;
}

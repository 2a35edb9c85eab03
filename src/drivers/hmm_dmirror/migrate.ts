// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25, migration: what migrate_vma() asks it, there and back. */
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  skip,
} from '../../mm/migrate_vma.js';
import { type MigrateVmaOps, migrate_vma } from '../../mm/migrate_vma_ops.js';
import { mmput } from '../../mm/mmap.js';
import { VM_READ, VM_WRITE } from '../../mm/types.js';
import { NO_PAGE } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { dmirror_devmem_alloc_page } from './devmem.js';
import { BATCH, backing, type Dmirror, type DmirrorCmd, device_of } from './dmirror.js';
import { addressOf, dmirror_fault_ops, type Homeward } from './home.js';

// --- to the device -------------------------------------------------------------------------------------------

/** A page of the device for each that migrates, wherever that is now; those that are there already stay. */
function* alloc_and_copy(migrate: MigrateVma, { mdevice }: Dmirror): Task {
  const { kernel: k } = mdevice.module;
  const fn = 'dmirror_migrate_alloc_and_copy';
  for (let n = 0; n < migrate.npages; n++) {
    const mpfn = migrate.src[n]!;
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage !== NO_PAGE && device_of(k, spage) === mdevice) {
      skip(migrate, addressOf(migrate, n), spage, fn, 'already-in-device');
      continue;
    }
    const dpage = yield* dmirror_devmem_alloc_page(mdevice);
    if (dpage === NO_PAGE) {
      skip(migrate, addressOf(migrate, n), spage, fn, 'device-full');
      continue;
    }
    if (spage === NO_PAGE) k.clear_highpage(backing(k, dpage));
    else k.copy_highpage(backing(k, dpage), backing(k, spage));
    const hole = spage === NO_PAGE && (migrate.vma.vm_flags & VM_WRITE) !== 0;
    const write = hole || (mpfn & MIGRATE_PFN_WRITE) !== 0;
    migrate.dst[n] = (migrate_pfn(dpage) | (write ? MIGRATE_PFN_WRITE : 0)) >>> 0;
  }
}

/** What the device has at entry `n` in the end: its page, new or as before; 0 for none. */
function arrived({ src, dst }: MigrateVma, { mdevice }: Dmirror, n: number): number {
  if ((src[n]! & MIGRATE_PFN_MIGRATE) !== 0 && dst[n] !== 0) return dst[n]!;
  const spage = migrate_pfn_to_page(src[n]!);
  return spage !== NO_PAGE && device_of(mdevice.module.kernel, spage) === mdevice ? src[n]! : 0;
}

/** The device has what has migrated, and again what was there. */
// biome-ignore lint/correctness/useYield: other drivers wait for their engine here.
function* finalize_and_map(migrate: MigrateVma, dmirror: Dmirror): Task {
  // Pages of a mapping that nobody may access are the device's, and no way to them.
  if ((migrate.vma.vm_flags & VM_READ) === 0) return;
  dmirror.lock.spin_lock();
  for (let n = 0; n < migrate.npages; n++) {
    const mpfn = arrived(migrate, dmirror, n);
    if (mpfn === 0) continue;
    const pte = { page: migrate_pfn_to_page(mpfn), write: (mpfn & MIGRATE_PFN_WRITE) !== 0 };
    dmirror.pt.set(addressOf(migrate, n) / PAGE_SIZE, pte);
  }
  dmirror.lock.spin_unlock();
}

const dmirror_migrate_ops: MigrateVmaOps<Dmirror> = { alloc_and_copy, finalize_and_map };

// --- commands ------------------------------------------------------------------------------------------------

/** Migrate the range, mapping by mapping. Context: may sleep. Return: 0, whatever migrated, or -EINVAL. */
export function* dmirror_migrate(dmirror: Dmirror, cmd: DmirrorCmd, toDevice: boolean): Task<number> {
  const { mm, mdevice } = dmirror;
  const k = mm.kernel;
  if (!k.mmget_not_zero(mm)) return -EINVAL;
  const homeward: Homeward = { module: mdevice.module, moved: { pages: 0 } };
  yield* mm.mmap_lock.down_read('dmirror_migrate');
  let ret = 0;
  for (let addr = cmd.addr, next: number; addr < cmd.end && ret === 0; addr = next) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null) {
      if (k.trace !== null)
        k.note({ event: 'skip', fn: 'dmirror_migrate', mm, addr, reason: { id: 'no-vma' } });
      ret = -EINVAL;
      break;
    }
    next = Math.min(cmd.end, vma.vm_end, addr + BATCH * PAGE_SIZE);
    ret = toDevice
      ? yield* migrate_vma(dmirror_migrate_ops, vma, addr, next, dmirror)
      : yield* migrate_vma(dmirror_fault_ops, vma, addr, next, homeward);
  }
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  cmd.cpages = homeward.moved.pages;
  return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c of kernels that migrate whole huge pages: memory for both ways. Fidelity: ported. */

import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
} from '../../mm/migrate_vma.js';
import { put_page } from '../../mm/page_alloc.js';
import { alloc_page } from '../../mm/page_alloc_slow.js';
import { folio_nr_pages } from '../../mm/page_flags.js';
import { VM_FAULT_OOM, VM_WRITE } from '../../mm/types.js';
import { COST_FRUITLESS } from '../../sim/costs.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../../uapi/mman.js';
import { BACKING_PAGE } from './backing.js';
import { dmirror_devmem_alloc_page, has_free_page, is_cut_large } from './devmem.js';
import { COST_TABLE, type Dmirror, type DmirrorDevice } from './dmirror.js';
import { skip, why_no_page } from './migrate_skip.js';

/** Whether this allocation is the one that HMM_DMIRROR_FLAG_FAIL_ALLOC makes fail. */
function fails(dmirror: Dmirror): boolean {
  const { failAlloc } = dmirror;
  dmirror.failAlloc = false;
  return failAlloc;
}

/** Fill entry `n` with a device page that takes the contents of `spage`, or of none. */
function fill(args: MigrateVma, dmirror: Dmirror, n: number, dpage: Page, spage: Page, write: number): void {
  const k = dmirror.mdevice.module.kernel;
  const data = BACKING_PAGE(dmirror.mdevice, dpage);
  const nr = folio_nr_pages(k.mem, dpage);
  k.mem.priv[data] = dmirror.id;
  if (spage === NO_PAGE) k.clear_highpages(data, nr);
  else k.copy_highpages(data, spage, nr);
  args.dst[n] = (migrate_pfn(dpage) | write | (nr > 1 ? MIGRATE_PFN_COMPOUND : 0)) >>> 0;
}

function why_none(mdevice: DmirrorDevice): string {
  if (has_free_page(mdevice)) return 'no system memory to back it';
  return is_cut_large(mdevice) ? 'the device was cut into huge pages alone' : 'the device is full';
}

/** No huge page of the device is to be had: small ones in place of it. Return: how many. */
function* fill_small(
  args: MigrateVma,
  dmirror: Dmirror,
  n: number,
  spage: Page,
  write: number,
): Task<number> {
  const { mdevice } = dmirror;
  const { mem } = mdevice.module.kernel;
  const nr = Math.min(spage === NO_PAGE ? HPAGE_PMD_NR : folio_nr_pages(mem, spage), args.npages - n);
  for (let j = 0; j < nr; j++) {
    const dpage = yield* dmirror_devmem_alloc_page(mdevice, false);
    if (dpage === NO_PAGE) {
      throw new KernelBug(
        'dmirror_migrate_to_device',
        `NULL pointer dereference: no small page in place of a huge one (${why_none(mdevice)}), which nobody checks`,
      );
    }
    fill(args, dmirror, n + j, dpage, spage === NO_PAGE ? NO_PAGE : spage + j, write);
  }
  return nr;
}

/** Give every migrating entry a device page, a huge one to a huge one, and copy the contents there. */
export function* compound_alloc_and_copy(args: MigrateVma, dmirror: Dmirror): Task {
  const { mdevice } = dmirror;
  const k = mdevice.module.kernel;
  const fn = 'dmirror_migrate_alloc_and_copy';
  for (let n = 0, nr: number; n < args.npages; n += nr) {
    nr = 1;
    const mpfn = args.src[n]!;
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    const large = (mpfn & MIGRATE_PFN_COMPOUND) !== 0;
    const spage = migrate_pfn_to_page(mpfn);
    const hole = spage === NO_PAGE && k.behaviour.holesAreWritable && (args.vma.vm_flags & VM_WRITE) !== 0;
    const write = hole ? MIGRATE_PFN_WRITE : mpfn & MIGRATE_PFN_WRITE;
    if (spage !== NO_PAGE && k.is_zone_device_page(spage)) {
      k.warn(fn, 'page already in device');
      skip(args, n, fn, 'already-in-device');
      continue;
    }
    const failed = fails(dmirror);
    const dpage = failed ? NO_PAGE : yield* dmirror_devmem_alloc_page(mdevice, large);
    if (dpage !== NO_PAGE) {
      fill(args, dmirror, n, dpage, spage, write);
      if (large) nr = HPAGE_PMD_NR;
    } else if (large) {
      nr = yield* fill_small(args, dmirror, n, spage, write);
    } else {
      skip(args, n, 'dmirror_devmem_alloc_page', failed ? 'made-to-fail' : why_no_page(mdevice));
    }
  }
}

/** Small system pages in place of a huge one that is not to be had. Return: 0 or VM_FAULT_OOM. */
function* back_to_small(args: MigrateVma, dmirror: Dmirror, n: number, data: Page): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const { dst } = args;
  const first = args.start / PAGE_SIZE + n;
  for (let j = 0; j < HPAGE_PMD_NR; j++) {
    const dpage = yield* alloc_page(k);
    if (dpage === NO_PAGE) {
      for (let undo = 0; undo < j; undo++) {
        const page = migrate_pfn_to_page(dst[n + undo]!);
        k.unlock_page(page);
        put_page(k, page);
      }
      dst.fill(0, n, n + HPAGE_PMD_NR);
      return VM_FAULT_OOM;
    }
    k.trylock_page(dpage);
    dst[n + j] = migrate_pfn(dpage);
    dmirror.pt.xa_erase(first + j);
    k.executor.charge(COST_TABLE);
    k.copy_highpage(dpage, data + j);
  }
  return 0;
}

/** Give every migrating device page a system page, a huge one to a huge one. Return: 0 or VM_FAULT_OOM. */
export function* compound_fault_alloc_and_copy(args: MigrateVma, dmirror: Dmirror): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const fn = 'dmirror_devmem_fault_alloc_and_copy';
  const first = args.start / PAGE_SIZE;
  for (let n = 0, nr: number; n < args.npages; n += nr) {
    nr = 1;
    const mpfn = args.src[n]!;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage === NO_PAGE || (mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    if (!k.is_zone_device_page(spage)) {
      k.warn(fn, 'the page is not a device page');
      skip(args, n, fn, 'not-a-device-page');
      continue;
    }
    const data = BACKING_PAGE(dmirror.mdevice, spage);
    nr = folio_nr_pages(k.mem, data);
    const failed = fails(dmirror);
    let dpage: Page = NO_PAGE;
    if (!failed) dpage = nr > 1 ? k.pages.alloc_huge() : yield* alloc_page(k);
    if (dpage === NO_PAGE) {
      if (nr > 1 && (yield* back_to_small(args, dmirror, n, data)) === 0) continue;
      skip(args, n, fn, failed ? 'made-to-fail' : 'no-system-memory');
      k.executor.charge(COST_FRUITLESS);
      return VM_FAULT_OOM;
    }
    k.trylock_page(dpage);
    const compound = nr > 1 ? MIGRATE_PFN_COMPOUND : 0;
    args.dst[n] = (migrate_pfn(dpage) | (mpfn & MIGRATE_PFN_WRITE) | compound) >>> 0;
    dmirror.pt.xa_erase_range(first + n, first + n + nr - 1);
    k.executor.charge(COST_TABLE * nr);
    k.copy_highpages(dpage, data, nr);
  }
  return 0;
}

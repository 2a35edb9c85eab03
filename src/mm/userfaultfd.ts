// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/userfaultfd.c: what a userfaultfd does to the memory that it has: registering, filling, protecting.
 * Fidelity: ported for anonymous memory, memory files and hugetlb mappings.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { HPAGE_SIZE } from './hugetlb.js';
import { mfill_atomic_hugetlb } from './hugetlb_userfault.js';
import { folio_add_lru } from './lru.js';
import { folio_prealloc } from './memcontrol_charge.js';
import { vma_choice } from './mempolicy.js';
import { change_protection, wants_manual_upgrade } from './mprotect.js';
import { get_page, put_page } from './page_alloc.js';
import { PG_uptodate } from './page_flags.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_SPECIAL,
  PTE_WRITE,
  type PteTable,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_none_mostly,
} from './pgtable.js';
import { type PlainReasonId, refused } from './reasons.js';
import { folio_add_file_rmap_pte, folio_add_new_anon_rmap } from './rmap.js';
import { shmem_add_to_page_cache, shmem_beyond_end, shmem_has } from './shmem.js';
import {
  is_vm_hugetlb_page,
  linear_page_index,
  type MmStruct,
  type UserfaultfdCtx,
  userfaultfd_wp,
  VM_MAYWRITE,
  VM_SHARED,
  VM_SPECIAL,
  VM_UFFD_FLAGS,
  VM_UFFD_WP,
  VM_WRITE,
  type VmArea,
  vma_is_anonymous,
  vma_is_shmem,
} from './types.js';
import { copy_from_user } from './uaccess.js';
import { pte_mkuffd_wp } from './userfaultfd_k.js';
import { userfaultfd_reset_ctx, vm_get_page_prot, vma_modify_flags, vma_set_page_prot } from './vma.js';

function vma_can_userfault(vma: VmArea, vm_flags = 0): boolean {
  if (!is_vm_hugetlb_page(vma) && (vma.vm_flags & VM_SPECIAL) !== 0) return false;
  if (vma_is_anonymous(vma)) return true;
  if ((vm_flags & VM_UFFD_WP) !== 0 && !vma.vm_mm.kernel.behaviour.uffdWpOfFiles) return false;
  return is_vm_hugetlb_page(vma) || vma_is_shmem(vma);
}

/** VMAs of [start, end), none of which may be missing altogether. */
function vmas_of(mm: MmStruct, start: number, end: number): readonly VmArea[] {
  return mm.vmas.inRange(start, end);
}

// --- registering ------------------------------------------------------------------------------------------

/** Whether `at` lies in the middle of a huge page of hugetlb. */
const cuts_huge_page = (vma: VmArea, at: number): boolean =>
  is_vm_hugetlb_page(vma) && at > vma.vm_start && at <= vma.vm_end && at % HPAGE_SIZE !== 0;

/** Why the range cannot be registered: 0 or -errno. */
function refusal(
  ctx: UserfaultfdCtx,
  vmas: readonly VmArea[],
  start: number,
  end: number,
  vm_flags: number,
): number {
  const { mm } = ctx;
  const refuse = (addr: number, because: PlainReasonId): number =>
    refused(mm, 'userfaultfd_register', addr, because, EINVAL);
  if (vmas[0] !== undefined && cuts_huge_page(vmas[0], start)) return refuse(start, 'inside-huge-page');
  for (const vma of vmas) {
    if (!vma_can_userfault(vma, vm_flags)) return refuse(Math.max(start, vma.vm_start), 'no-userfaults');
    if (cuts_huge_page(vma, end)) return refuse(end, 'inside-huge-page');
    if ((vma.vm_flags & VM_MAYWRITE) === 0) return -EPERM;
    if (vma.vm_userfaultfd_ctx !== null && vma.vm_userfaultfd_ctx !== ctx) return -EBUSY;
    const drops_wp = vma.vm_userfaultfd_ctx === ctx && (vma.vm_flags & VM_UFFD_WP & ~vm_flags) !== 0;
    if (drops_wp && vma.vm_mm.kernel.behaviour.uffdModesAreKept) return -EBUSY;
  }
  return vmas.length === 0 ? refuse(start, 'no-vma') : 0;
}

/** Context: mmap_lock held for write; may sleep. Return: 0 or -errno. */
export function* userfaultfd_register_range(
  ctx: UserfaultfdCtx,
  start: number,
  end: number,
  vm_flags: number,
): Task<number> {
  const { mm } = ctx;
  const refused = refusal(ctx, vmas_of(mm, start, end), start, end, vm_flags);
  if (refused !== 0) return refused;
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find_vma(at);
    if (vma === null || vma.vm_start >= end) break;
    const to = Math.min(vma.vm_end, end);
    const has = vma.vm_userfaultfd_ctx === ctx && (vma.vm_flags & vm_flags) === vm_flags;
    at = to;
    if (has) continue;
    const from = Math.max(vma.vm_start, start);
    const flags = (vma.vm_flags & ~VM_UFFD_FLAGS) | vm_flags;
    const modified = yield* vma_modify_flags(vma, from, to, flags, ctx);
    if (typeof modified === 'number') return modified;
    modified.vm_flags = flags;
    modified.vm_userfaultfd_ctx = ctx;
    vma_set_page_prot(modified);
  }
  return 0;
}

/** The part of a VMA is nobody's any more, and write-protected no longer. Return: 0 or -errno. */
function* userfaultfd_clear_vma(vma: VmArea, start: number, end: number): Task<number> {
  if (userfaultfd_wp(vma)) yield* uffd_wp_range(vma, start, end, false);
  const modified = yield* vma_modify_flags(vma, start, end, vma.vm_flags & ~VM_UFFD_FLAGS, null);
  if (typeof modified === 'number') return modified;
  userfaultfd_reset_ctx(modified);
  return 0;
}

/** Context: mmap_lock held for write; may sleep. Return: 0 or -errno. */
export function* userfaultfd_unregister_range(mm: MmStruct, start: number, end: number): Task<number> {
  const vmas = vmas_of(mm, start, end);
  if (vmas.length === 0 || !vmas.every((vma) => vma_can_userfault(vma))) return -EINVAL;
  if (cuts_huge_page(vmas[0]!, start)) return -EINVAL;
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find_vma(at);
    if (vma === null || vma.vm_start >= end) break;
    const to = Math.min(vma.vm_end, end);
    const from = Math.max(vma.vm_start, at);
    at = to;
    if (vma.vm_userfaultfd_ctx === null) continue;
    const err = yield* userfaultfd_clear_vma(vma, from, to);
    if (err !== 0) return err;
  }
  return 0;
}

/** The last fd is closed: all that it has is nobody's any more. Context: mmap_lock held for write; may sleep. */
export function* userfaultfd_release_all(ctx: UserfaultfdCtx): Task {
  for (const vma of [...ctx.mm.vmas]) {
    // A neighbour may have taken it in meanwhile.
    if (vma.vm_userfaultfd_ctx !== ctx || ctx.mm.vmas.vma_lookup(vma.vm_start) !== vma) continue;
    yield* userfaultfd_clear_vma(vma, vma.vm_start, vma.vm_end);
  }
}

// --- write protection ---------------------------------------------------------------------------------------

/** Context: mmap_lock held; may sleep. */
function* uffd_wp_range(vma: VmArea, start: number, end: number, enable_wp: boolean): Task {
  const { uffdWpFollowsPageProt } = vma.vm_mm.kernel.behaviour;
  const uffd = enable_wp ? 'wp' : 'resolve';
  if (uffdWpFollowsPageProt) {
    yield* change_protection(vma, start, end, { upgrade: !enable_wp && wants_manual_upgrade(vma), uffd });
    return;
  }
  // As the flags have it, without a look at who wants to know of writes.
  const flags = vma.vm_flags & ~VM_UFFD_WP & (enable_wp ? ~VM_WRITE : ~0);
  yield* change_protection(vma, start, end, { upgrade: false, uffd }, vm_get_page_prot(flags));
}

/** Why none of [start, end), or not all, of `vma` can be protected: 0 or -errno. */
function wp_refusal(vma: VmArea, start: number, end: number): number {
  const at = Math.max(start, vma.vm_start);
  const refuse = (because: PlainReasonId, errno: number): number =>
    refused(vma.vm_mm, 'mwriteprotect_range', at, because, errno);
  if (!userfaultfd_wp(vma)) return refuse('not-write-protectable', ENOENT);
  const cuts = is_vm_hugetlb_page(vma) && (start % HPAGE_SIZE !== 0 || end % HPAGE_SIZE !== 0);
  return cuts ? refuse('inside-huge-page', EINVAL) : 0;
}

/** Protect [start, end), or no longer. Return: 0 or -errno. */
function* protect_vmas(mm: MmStruct, start: number, end: number, enable_wp: boolean): Task<number> {
  if (!mm.kernel.behaviour.uffdWpSpansVmas) {
    const vma = find_dst_vma(mm, start, end);
    if (vma === null) return refused(mm, 'mwriteprotect_range', start, 'not-of-userfaultfd', ENOENT);
    const err = wp_refusal(vma, start, end);
    if (err === 0) yield* uffd_wp_range(vma, start, end, enable_wp);
    return err;
  }
  const vmas = vmas_of(mm, start, end);
  for (const vma of vmas) {
    const err = wp_refusal(vma, start, end);
    if (err !== 0) return err;
    yield* uffd_wp_range(vma, Math.max(vma.vm_start, start), Math.min(vma.vm_end, end), enable_wp);
  }
  return vmas.length === 0 ? refused(mm, 'mwriteprotect_range', start, 'no-vma', ENOENT) : 0;
}

/** Context: takes mmap_lock for read; may sleep. Return: 0, -ENOENT. */
export function* mwriteprotect_range(
  mm: MmStruct,
  start: number,
  len: number,
  enable_wp: boolean,
): Task<number> {
  yield* mm.mmap_lock.down_read('mwriteprotect_range');
  const ret = yield* protect_vmas(mm, start, start + len, enable_wp);
  mm.mmap_lock.up_read();
  return ret;
}

// --- filling ------------------------------------------------------------------------------------------------

/** The one VMA that has all of the range, and is a userfaultfd's; null. */
function find_dst_vma(mm: MmStruct, start: number, end: number): VmArea | null {
  const vma = mm.vmas.vma_lookup(start);
  return vma === null || end > vma.vm_end || vma.vm_userfaultfd_ctx === null ? null : vma;
}

/** The same, given an anon_vma; or why not: -errno. 6.12 makes the anon_vma before it looks, which shows nowhere. */
function destination(mm: MmStruct, start: number, end: number, wp: boolean): VmArea | number {
  const vma = find_dst_vma(mm, start, end);
  if (vma === null) return refused(mm, 'uffd_mfill_lock', start, 'not-of-userfaultfd', ENOENT);
  if (wp && !userfaultfd_wp(vma))
    return refused(mm, 'uffd_mfill_lock', start, 'not-write-protectable', EINVAL);
  if ((vma.vm_flags & VM_SHARED) === 0) anon_vma_prepare(vma);
  return vma;
}

/** A page is there already. */
const there = (mm: MmStruct, fn: string, addr: number): number => refused(mm, fn, addr, 'page-there', EEXIST);

/** The table at `addr`; -EEXIST under a huge page. */
function table_at(mm: MmStruct, addr: number): PteTable | number {
  const pmd = mm.pt.pmd_alloc(addr);
  if (!pmd_is_huge(pmd, pmd_index(addr))) return mm.pt.pte_alloc(addr);
  return there(mm, 'mfill_atomic', addr);
}

/** Map the new `page`. Return: 0, -EFAULT beyond the end of the file, -EEXIST. */
function mfill_atomic_install_pte(
  vma: VmArea,
  addr: number,
  page: Page,
  cached: boolean,
  wp: boolean,
): number {
  const mm = vma.vm_mm;
  const table = table_at(mm, addr);
  if (typeof table === 'number') return table;
  if (shmem_beyond_end(vma, addr)) return -EFAULT;
  const i = pte_index(addr);
  if (!pte_none_mostly(table[FLAGS + i]!)) return there(mm, 'mfill_atomic_install_pte', addr);
  let flags = vma.vm_page_prot | PTE_DIRTY;
  if ((vma.vm_flags & VM_WRITE) !== 0) flags |= PTE_WRITE;
  if (wp) flags = pte_mkuffd_wp(flags);
  if (cached) {
    folio_add_file_rmap_pte(mm.kernel, page, page, vma);
  } else {
    folio_add_new_anon_rmap(mm.kernel, page, vma, addr);
    folio_add_lru(mm.kernel, page);
  }
  mm.rss++;
  table[i] = page;
  table[FLAGS + i] = flags;
  return 0;
}

/** The page of a private mapping. Return: 0 or -errno. */
function* fill_private(vma: VmArea, addr: number, bytes: Uint8Array, wp: boolean): Task<number> {
  const k = vma.vm_mm.kernel;
  const page = yield* folio_prealloc(k, vma.vm_mm, vma_choice(vma, addr));
  if (page === NO_PAGE) return -ENOMEM;
  k.contents.writeBytes(page, 0, bytes, 0, PAGE_SIZE);
  k.mem.flags[page] = PG_uptodate;
  const err = mfill_atomic_install_pte(vma, addr, page, false, wp);
  if (err !== 0) put_page(k, page);
  return err;
}

/** The page of a shared mapping of a file, which has it from now on. Return: 0 or -errno. */
function* fill_shared(vma: VmArea, addr: number, bytes: Uint8Array | null, wp: boolean): Task<number> {
  const k = vma.vm_mm.kernel;
  if (shmem_beyond_end(vma, addr)) return -EFAULT;
  const mapping = vma.vm_file!.mapping!;
  const index = linear_page_index(vma, addr);
  if (shmem_has(mapping, index)) return there(vma.vm_mm, 'shmem_mfill_atomic_pte', addr);
  const table = table_at(vma.vm_mm, addr);
  if (typeof table === 'number') return table;
  if (!pte_none_mostly(table[FLAGS + pte_index(addr)]!))
    return there(vma.vm_mm, 'mfill_atomic_install_pte', addr);
  const page = yield* folio_prealloc(k, vma.vm_mm, vma_choice(vma, addr));
  if (page === NO_PAGE) return -ENOMEM;
  if (shmem_has(mapping, index)) {
    put_page(k, page);
    return there(vma.vm_mm, 'shmem_mfill_atomic_pte', addr);
  }
  if (bytes === null) k.contents.clear_page(page);
  else k.contents.writeBytes(page, 0, bytes, 0, PAGE_SIZE);
  shmem_add_to_page_cache(k, mapping, index, page);
  get_page(k, page);
  return mfill_atomic_install_pte(vma, addr, page, true, wp);
}

/** The page of zeros, for a private mapping. Return: 0 or -errno. */
function fill_zero(vma: VmArea, addr: number): number {
  const table = table_at(vma.vm_mm, addr);
  if (typeof table === 'number') return table;
  if (shmem_beyond_end(vma, addr)) return -EFAULT;
  const i = pte_index(addr);
  if (table[FLAGS + i] !== 0) return there(vma.vm_mm, 'mfill_atomic_pte_zeropage', addr);
  table[i] = vma.vm_mm.kernel.zeroPage;
  table[FLAGS + i] = vma.vm_page_prot | PTE_SPECIAL;
  return 0;
}

/** Where the bytes of a copy are, in whose memory; null: zeros. */
export interface FillSource {
  readonly mm: MmStruct;
  readonly addr: number;
}

/** One page. Return: 0 or -errno. Context: mmap_lock held for read; may sleep. */
function* mfill_atomic_pte(
  vma: VmArea,
  addr: number,
  source: FillSource | null,
  offset: number,
  wp: boolean,
): Task<number> {
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  if (source === null) return shared ? yield* fill_shared(vma, addr, null, wp) : fill_zero(vma, addr);
  const bytes = yield* copy_from_user(source.mm, source.addr + offset, PAGE_SIZE);
  if (bytes === null) return -EFAULT;
  return yield* shared ? fill_shared(vma, addr, bytes, wp) : fill_private(vma, addr, bytes, wp);
}

/**
 * UFFDIO_COPY and UFFDIO_ZEROPAGE of [start, start + len).
 * Context: takes mmap_lock for read; may sleep. Return: bytes, or -errno for none.
 */
export function* mfill_atomic(
  ctx: UserfaultfdCtx,
  start: number,
  len: number,
  source: FillSource | null,
  wp: boolean,
): Task<number> {
  const { mm } = ctx;
  if (source !== null) mm.kernel.enter('mfill_atomic_copy', start);
  yield* mm.mmap_lock.down_read('mfill_atomic');
  const vma = destination(mm, start, start + len, wp);
  if (typeof vma !== 'number' && is_vm_hugetlb_page(vma)) {
    const filled = yield* mfill_atomic_hugetlb(vma, start, len, source, wp);
    mm.mmap_lock.up_read();
    return filled;
  }
  let copied = 0;
  let err = typeof vma === 'number' ? vma : 0;
  while (typeof vma !== 'number' && err === 0 && copied < len) {
    err = yield* mfill_atomic_pte(vma, start + copied, source, copied, wp);
    if (err === 0) copied += PAGE_SIZE;
  }
  mm.mmap_lock.up_read();
  return copied > 0 ? copied : err;
}

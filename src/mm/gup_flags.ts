// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup.c and mm/internal.h, what FOLL_* flags mean and whom they let in. Fidelity: ported.
 *
 * The values are those of 6.12. What a user program passes raw (gup_test) goes through foll_flags_from_user().
 */
import type { Page } from '../sim/memmap.js';
import { EFAULT, EOPNOTSUPP } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import { compound_head, folio_test_anon, PageAnonExclusive } from './page_flags.js';
import { PTE_WRITE } from './pgtable.js';
import type { PlainReasonId } from './reasons.js';
import {
  is_cow_mapping,
  is_vm_hugetlb_page,
  VM_IO,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
  vma_is_anonymous,
  vma_is_fsdax,
} from './types.js';
import { userfaultfd_pte_wp } from './userfaultfd_k.js';

export const FOLL_WRITE = 1 << 0;
export const FOLL_GET = 1 << 1;
export const FOLL_DUMP = 1 << 2;
export const FOLL_FORCE = 1 << 3;
const FOLL_NOWAIT = 1 << 4;
export const FOLL_NOFAULT = 1 << 5;
export const FOLL_HWPOISON = 1 << 6;
const FOLL_ANON = 1 << 7;
export const FOLL_LONGTERM = 1 << 8;
export const FOLL_SPLIT_PMD = 1 << 9;
const FOLL_PCI_P2PDMA = 1 << 10;
const FOLL_HONOR_NUMA_FAULT = 1 << 12;
export const FOLL_TOUCH = 1 << 16;
export const FOLL_TRIED = 1 << 17;
export const FOLL_REMOTE = 1 << 18;
export const FOLL_PIN = 1 << 19;
export const FOLL_FAST_ONLY = 1 << 20;
export const FOLL_UNLOCKABLE = 1 << 21;
export const FOLL_MADV_POPULATE = 1 << 22;

const LONGTERM_PIN = FOLL_PIN | FOLL_LONGTERM;

/** Flags that callers outside of mm/gup.c may not pass. */
const INTERNAL_GUP_FLAGS =
  FOLL_TOUCH | FOLL_TRIED | FOLL_REMOTE | FOLL_PIN | FOLL_FAST_ONLY | FOLL_UNLOCKABLE | FOLL_MADV_POPULATE;

/** All that the fast functions take. */
export const FAST_GUP_FLAGS =
  FOLL_WRITE |
  FOLL_LONGTERM |
  FOLL_FORCE |
  FOLL_PIN |
  FOLL_GET |
  FOLL_FAST_ONLY |
  FOLL_NOFAULT |
  FOLL_PCI_P2PDMA |
  FOLL_HONOR_NUMA_FAULT;

/** A bit that no kernel gives a meaning: the slow functions pass over it, the fast ones refuse it. */
const FOLL_UNKNOWN = 1 << 30;

/** The layout of the time when FOLL_LONGTERM was 0x10000: bit by bit, the flag of today. */
const OLD_LAYOUT: readonly number[] = [
  FOLL_WRITE,
  FOLL_TOUCH,
  FOLL_GET,
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_NOWAIT,
  FOLL_UNKNOWN,
  FOLL_NOFAULT,
  FOLL_HWPOISON,
  FOLL_UNKNOWN,
  FOLL_UNKNOWN,
  FOLL_TRIED,
  FOLL_UNKNOWN,
  FOLL_REMOTE,
  FOLL_UNKNOWN,
  FOLL_ANON,
  FOLL_LONGTERM,
  FOLL_SPLIT_PMD,
  FOLL_PIN,
  FOLL_FAST_ONLY,
];

/** What the number that a user program passes means to this kernel. */
export function foll_flags_from_user(k: Kernel, raw: number): number {
  if (k.behaviour.follLongterm === FOLL_LONGTERM) return raw;
  let flags = 0;
  for (let bit = 0; bit < 32; bit++) {
    if (((raw >>> bit) & 1) !== 0) flags |= OLD_LAYOUT[bit] ?? FOLL_UNKNOWN;
  }
  return flags;
}

/** Check a caller's flags; `to_set` is what the function adds. Return: whether they make sense together. */
export function is_valid_gup_args(k: Kernel, gup_flags: number, to_set: number): boolean {
  let bad: string | null = null;
  if (k.behaviour.gupRefusesInternalFlags) {
    const flags = gup_flags | to_set;
    if ((gup_flags & INTERNAL_GUP_FLAGS) !== 0) bad = 'an internal flag';
    else if ((flags & FOLL_PIN) !== 0 && (flags & FOLL_GET) !== 0) bad = 'FOLL_PIN with FOLL_GET';
    else if ((flags & FOLL_PIN) === 0 && (flags & FOLL_LONGTERM) !== 0)
      bad = 'FOLL_LONGTERM without FOLL_PIN';
    else if ((flags & FOLL_LONGTERM) !== 0 && (flags & FOLL_PCI_P2PDMA) !== 0)
      bad = 'FOLL_LONGTERM with P2PDMA';
  } else if ((to_set & FOLL_PIN) !== 0) {
    if ((gup_flags & FOLL_GET) !== 0) bad = 'FOLL_PIN with FOLL_GET';
  } else if ((gup_flags & (FOLL_PIN | FOLL_LONGTERM)) !== 0) {
    bad = 'FOLL_PIN or FOLL_LONGTERM without a pin function';
  }
  if (bad !== null) k.warn_on_once('is_valid_gup_args', `gup flags ${gup_flags >>> 0}: ${bad}`);
  return bad === null;
}

/** Why a VMA does not let somebody in, and the errno that it answers. */
interface Refusal {
  readonly err: number;
  readonly reason: PlainReasonId;
}

const SPECIAL: Refusal = { err: -EFAULT, reason: 'special-mapping' };
const NOT_ANONYMOUS: Refusal = { err: -EFAULT, reason: 'mapping-not-anonymous' };
const HUGETLB: Refusal = { err: -EOPNOTSUPP, reason: 'hugetlb-mapping' };
const FSDAX: Refusal = { err: -EOPNOTSUPP, reason: 'fsdax-longterm' };
const TRACKS_DIRTY: Refusal = { err: -EFAULT, reason: 'file-tracks-writes' };
const NOT_WRITABLE: Refusal = { err: -EFAULT, reason: 'vma-not-writable' };
const NOT_READABLE: Refusal = { err: -EFAULT, reason: 'vma-not-readable' };

/**
 * Whether a pin for writing may stay for long: not where a file system has to know of writes, which it then would not.
 * Source: mm/gup.c writable_file_mapping_allowed.
 */
function writable_file_mapping_allowed(vma: VmArea, gup_flags: number): boolean {
  if ((gup_flags & LONGTERM_PIN) !== LONGTERM_PIN) return true;
  if ((vma.vm_flags & (VM_SHARED | VM_WRITE)) !== (VM_SHARED | VM_WRITE)) return true;
  return vma.vm_ops?.page_mkwrite === undefined;
}

/**
 * Whether the fast path may pin the folio: for writing and for long only what no file system writes back, as it does not
 * know the mapping. Source: mm/gup.c gup_fast_folio_allowed.
 */
export function gup_fast_folio_allowed(k: Kernel, folio: Page, flags: number): boolean {
  if (!k.behaviour.gupLongtermSparesFiles) return true;
  if ((flags & (LONGTERM_PIN | FOLL_WRITE)) !== (LONGTERM_PIN | FOLL_WRITE)) return true;
  const mapping = k.mem.mapping[folio]!;
  return mapping >= 0 || k.mappings[-mapping]!.kind !== 'ext4';
}

/** What the VMA has against these flags; null when it lets them in. */
export function vma_refusal(vma: VmArea, gup_flags: number): Refusal | null {
  const { vm_flags } = vma;
  if ((vm_flags & (VM_IO | VM_PFNMAP)) !== 0) return SPECIAL;
  if ((gup_flags & FOLL_ANON) !== 0 && !vma_is_anonymous(vma)) return NOT_ANONYMOUS;
  if ((gup_flags & FOLL_LONGTERM) !== 0 && vma_is_fsdax(vma)) return FSDAX;
  if ((gup_flags & FOLL_SPLIT_PMD) !== 0 && is_vm_hugetlb_page(vma)) {
    const { splitPmdRefusesHugetlb, gupSplitsHugetlb } = vma.vm_mm.kernel.behaviour;
    if (splitPmdRefusesHugetlb && !gupSplitsHugetlb) return HUGETLB;
  }
  const force = (gup_flags & FOLL_FORCE) !== 0;
  if ((gup_flags & FOLL_WRITE) !== 0) {
    const { gupLongtermSparesFiles } = vma.vm_mm.kernel.behaviour;
    if (gupLongtermSparesFiles && !writable_file_mapping_allowed(vma, gup_flags)) return TRACKS_DIRTY;
    if ((vm_flags & VM_WRITE) !== 0) return null;
    return force && !is_vm_hugetlb_page(vma) && is_cow_mapping(vm_flags) ? null : NOT_WRITABLE;
  }
  if ((vm_flags & VM_READ) !== 0) return null;
  return force && (vm_flags & VM_MAYREAD) !== 0 ? null : NOT_READABLE;
}

/** Whether the VMA lets these flags in. Return: 0, -EFAULT, -EOPNOTSUPP. */
export function check_vma_flags(vma: VmArea, gup_flags: number): number {
  return vma_refusal(vma, gup_flags)?.err ?? 0;
}

/**
 * Whether a pin of a page mapped read-only must break its sharing first, so that it keeps seeing what the process
 * sees. `vma` null: the fast path, which cannot tell and leaves it to the slow one.
 */
export function gup_must_unshare(k: Kernel, vma: VmArea | null, flags: number, page: Page): boolean {
  if ((flags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  if (!folio_test_anon(k.mem, compound_head(k.mem, page))) {
    if ((flags & FOLL_LONGTERM) === 0 || !k.behaviour.gupUnsharesFilePages) return false;
    return vma === null || is_cow_mapping(vma.vm_flags);
  }
  return !PageAnonExclusive(k.mem, page);
}

/** Whether a write may go through an entry with these flags; `page` NO_PAGE for special ones. */
export function can_follow_write(k: Kernel, entry: number, page: Page, vma: VmArea, flags: number): boolean {
  if ((entry & PTE_WRITE) !== 0) return true;
  if ((flags & FOLL_FORCE) === 0) return false;
  if ((vma.vm_flags & (VM_MAYSHARE | VM_SHARED)) !== 0) return false;
  // A mapping that is writable needs no force, only its write fault.
  if ((vma.vm_flags & VM_MAYWRITE) === 0 || (vma.vm_flags & VM_WRITE) !== 0) return false;
  if (page <= 0 || !folio_test_anon(k.mem, compound_head(k.mem, page))) return false;
  return PageAnonExclusive(k.mem, page) && !userfaultfd_pte_wp(vma, entry);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Page table entries as x86-64 has them, which tracepoints print. Answers for: arch/x86/include/asm/pgtable_64.h and
 * include/linux/{swap,swapops}.h since 6.1 with Debian's configuration. Soft-dirty bits are left out.
 */
import {
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  SWP_DEVICE_EXCLUSIVE_READ,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_MIG_DIRTY,
  SWP_MIG_YOUNG,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_UFFD_WP,
  swp_type,
} from '../mm/pgtable.js';

/** Of 32 swap types, those behind 23 swap files and a poisoned page. */
const SWP_TYPES: ReadonlyMap<number, bigint> = new Map([
  [SWP_MIGRATION_READ, 24n],
  [SWP_MIGRATION_READ_EXCLUSIVE, 25n],
  [SWP_MIGRATION_WRITE, 26n],
  [SWP_DEVICE_WRITE, 27n],
  [SWP_DEVICE_READ, 28n],
  [SWP_DEVICE_EXCLUSIVE_WRITE, 29n],
  [SWP_DEVICE_EXCLUSIVE_READ, 30n],
]);

/** Accessed and dirty bits of a migration entry lie above the pfn. */
const MIG_YOUNG = 1n << 34n;
const MIG_DIRTY = 1n << 35n;

/** Accessible to user space, not executable. */
const USER_NX = 0x8000000000000004n;
const PROTNONE = 0x100n;

/** type in the upper 5 bits, then the inverted offset, down to bit 9. */
function swapEntry(type: bigint, offset: bigint): bigint {
  return (BigInt.asUintN(64, ~offset << 14n) >> 5n) | (type << 59n);
}

function presentEntry(flags: number, pfn: bigint): bigint {
  let bits = (flags & PTE_PROTNONE) !== 0 ? PROTNONE : 1n;
  if ((flags & PTE_WRITE) !== 0) bits |= 0x2n;
  if ((flags & PTE_YOUNG) !== 0) bits |= 0x20n;
  if ((flags & PTE_DIRTY) !== 0) bits |= 0x40n;
  if ((flags & PTE_UFFD_WP) !== 0) bits |= 0x400n;
  return (pfn << 12n) | bits | USER_NX;
}

/** pte_val() of an entry with these flags of ours. */
export function pte_val(flags: number, pfn: number): bigint {
  if (flags === 0) return 0n;
  if ((flags & PTE_PRESENT) !== 0) return presentEntry(flags, BigInt(pfn));
  const type = SWP_TYPES.get(swp_type(flags))!;
  let offset = BigInt(pfn);
  if ((flags & SWP_MIG_YOUNG) !== 0) offset |= MIG_YOUNG;
  if ((flags & SWP_MIG_DIRTY) !== 0) offset |= MIG_DIRTY;
  return swapEntry(type, offset) | ((flags & SWP_UFFD_WP) !== 0 ? 0x4n : 0n);
}

/** Is it present to the CPU? */
export const hardware_present = (flags: number): boolean =>
  (flags & (PTE_PRESENT | PTE_PROTNONE)) === PTE_PRESENT;

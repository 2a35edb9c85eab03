// SPDX-License-Identifier: GPL-2.0-only
/**
 * Page table entries as x86-64 has them, which tracepoints print. Answers for: arch/x86/include/asm/pgtable*.h and
 * include/linux/{swap,swapops}.h since 6.1 with Debian's configuration. Soft-dirty bits are left out.
 */
import { type SwapType, x86Entries } from '../generations/x86-entries.js';
import {
  PTE_DIRTY,
  PTE_HUGE,
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

/** What the kernel calls them; where it has one type for two of ours, the other name. */
const SWP_TYPES: ReadonlyMap<number, readonly SwapType[]> = new Map([
  [SWP_MIGRATION_READ, ['SWP_MIGRATION_READ']],
  [SWP_MIGRATION_READ_EXCLUSIVE, ['SWP_MIGRATION_READ_EXCLUSIVE']],
  [SWP_MIGRATION_WRITE, ['SWP_MIGRATION_WRITE']],
  [SWP_DEVICE_WRITE, ['SWP_DEVICE_WRITE']],
  [SWP_DEVICE_READ, ['SWP_DEVICE_READ']],
  [SWP_DEVICE_EXCLUSIVE_WRITE, ['SWP_DEVICE_EXCLUSIVE_WRITE', 'SWP_DEVICE_EXCLUSIVE']],
  [SWP_DEVICE_EXCLUSIVE_READ, ['SWP_DEVICE_EXCLUSIVE_READ', 'SWP_DEVICE_EXCLUSIVE']],
]);

/** Accessed and dirty bits of a migration entry lie above the pfn. */
const MIG_YOUNG = 1n << 34n;
const MIG_DIRTY = 1n << 35n;

const PAGE_PRESENT = 1n;
const PAGE_RW = 0x2n;
const PAGE_USER = 0x4n;
const PAGE_ACCESSED = 0x20n;
const PAGE_DIRTY = 0x40n;
const PAGE_PSE = 0x80n;
const PAGE_PROTNONE = 0x100n;
const PAGE_UFFD_WP = 0x400n;
const PAGE_SAVED_DIRTY = 1n << 58n;
const PAGE_NX = 1n << 63n;
const SWP_UFFD = PAGE_USER;

/** Bits 12 to 51. */
const pfnBits = (pfn: bigint): bigint => BigInt.asUintN(52, pfn << 12n);

/** type in the upper 5 bits, then the inverted offset, down to bit 9. */
function swapEntry(type: number, offset: bigint): bigint {
  return (BigInt.asUintN(64, ~offset << 14n) >> 5n) | (BigInt(type) << 59n);
}

/** What a page table entry stands in. */
export interface EntryOf {
  /** Of Linux. */
  readonly version: string;
  /** May the mapping be executed? */
  readonly exec?: boolean;
}

function presentEntry(flags: number, pfn: bigint, { version, exec = false }: EntryOf): bigint {
  let bits = (flags & PTE_HUGE) !== 0 ? PAGE_PSE : 0n;
  if ((flags & PTE_WRITE) !== 0) bits |= PAGE_RW;
  if ((flags & PTE_YOUNG) !== 0) bits |= PAGE_ACCESSED;
  if ((flags & PTE_DIRTY) !== 0) {
    const saved = (flags & PTE_WRITE) === 0 && x86Entries(version).savesDirty;
    bits |= saved ? PAGE_SAVED_DIRTY : PAGE_DIRTY;
  }
  if ((flags & PTE_UFFD_WP) !== 0) bits |= PAGE_UFFD_WP;
  // Where the CPU finds nothing present it must not speculate on the page either (pgtable-invert.h).
  if ((flags & PTE_PROTNONE) !== 0) return pfnBits(~pfn) | bits | PAGE_PROTNONE;
  return pfnBits(pfn) | bits | PAGE_PRESENT | PAGE_USER | (exec ? 0n : PAGE_NX);
}

/** pte_val() or pmd_val() of an entry with these flags of ours. */
export function pte_val(flags: number, pfn: number, of: EntryOf): bigint {
  if (flags === 0) return 0n;
  if ((flags & PTE_PRESENT) !== 0) return presentEntry(flags, BigInt(pfn), of);
  const { types } = x86Entries(of.version);
  const name = SWP_TYPES.get(swp_type(flags))!.find((one) => types.has(one))!;
  let offset = BigInt(pfn);
  if ((flags & SWP_MIG_YOUNG) !== 0) offset |= MIG_YOUNG;
  if ((flags & SWP_MIG_DIRTY) !== 0) offset |= MIG_DIRTY;
  return swapEntry(types.get(name)!, offset) | ((flags & SWP_UFFD_WP) !== 0 ? SWP_UFFD : 0n);
}

/** Is it present to the CPU? */
export const hardware_present = (flags: number): boolean =>
  (flags & (PTE_PRESENT | PTE_PROTNONE)) === PTE_PRESENT;

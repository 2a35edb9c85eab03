// SPDX-License-Identifier: GPL-2.0-only
/**
 * What differs between kernels in page table entries of x86-64. Answers for: include/linux/swap.h (SWP_*_NUM),
 * arch/x86/include/asm/pgtable.h, with Debian's configuration.
 */
import { holds, type Versions } from './version.js';

/** Swap types that are no swap file, by the names of their macros. */
export type SwapType =
  | 'SWP_HWPOISON'
  | 'SWP_MIGRATION_READ'
  | 'SWP_MIGRATION_READ_EXCLUSIVE'
  | 'SWP_MIGRATION_WRITE'
  | 'SWP_DEVICE_WRITE'
  | 'SWP_DEVICE_READ'
  | 'SWP_DEVICE_EXCLUSIVE_WRITE'
  | 'SWP_DEVICE_EXCLUSIVE_READ'
  | 'SWP_DEVICE_EXCLUSIVE'
  | 'SWP_PTE_MARKER'
  | 'SWP_SWAPIN_ERROR';

const SWAP_TYPES = 32;

const FIRST: readonly SwapType[] = [
  'SWP_HWPOISON',
  'SWP_MIGRATION_READ',
  'SWP_MIGRATION_READ_EXCLUSIVE',
  'SWP_MIGRATION_WRITE',
  'SWP_DEVICE_WRITE',
  'SWP_DEVICE_READ',
];
const BOTH_EXCLUSIVE: readonly SwapType[] = ['SWP_DEVICE_EXCLUSIVE_WRITE', 'SWP_DEVICE_EXCLUSIVE_READ'];

/** In the order of their numbers, the last of which is 31; oldest first. */
const LISTS: readonly { readonly since: Versions; readonly types: readonly SwapType[] }[] = [
  { since: ['5.19'], types: [...FIRST, ...BOTH_EXCLUSIVE, 'SWP_PTE_MARKER', 'SWP_SWAPIN_ERROR'] },
  { since: ['6.2'], types: [...FIRST, ...BOTH_EXCLUSIVE, 'SWP_PTE_MARKER'] },
  { since: ['6.15'], types: [...FIRST, 'SWP_DEVICE_EXCLUSIVE', 'SWP_PTE_MARKER'] },
];

/** Since when a dirty entry that may not be written has its dirty bit saved elsewhere (pte_mksaveddirty()). */
const SAVED_DIRTY: Versions = ['6.6'];

export interface X86Entries {
  readonly types: ReadonlyMap<SwapType, number>;
  readonly savesDirty: boolean;
}

const known = new Map<string, X86Entries>();

/** Of Linux `version`, which is 5.19 or later: older ones print no entry. */
export function x86Entries(version: string): X86Entries {
  let entries = known.get(version);
  if (entries === undefined) {
    const types = LISTS.findLast(({ since }) => holds(version, since))?.types ?? [];
    const first = SWAP_TYPES - types.length;
    entries = {
      types: new Map(types.map((type, i) => [type, first + i])),
      savesDirty: holds(version, SAVED_DIRTY),
    };
    known.set(version, entries);
  }
  return entries;
}

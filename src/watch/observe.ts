// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where a page is, and what the CPU and each device may do with it. Reads page tables and device tables directly, so
 * that looking changes nothing: no system call, no fault, no time.
 */
import type { Device, DeviceAccess } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import type { Kernel } from '../mm/kernel.js';
import { is_dax_page } from '../mm/memremap.js';
import { compound_head, page_mapcount } from '../mm/page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  is_device_private_entry,
  is_hwpoison_entry,
  is_migration_entry,
  is_pfn_swap_entry,
  is_swap_entry,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_SPECIAL,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_index,
  pte_index,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  SWP_DEVICE_WRITE,
  SWP_MIGRATION_WRITE,
  swp_type,
} from '../mm/pgtable.js';
import { type MmStruct, VM_HUGETLB, VM_READ, VM_SHARED, VM_WRITE, type VmArea } from '../mm/types.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';

/** Pages of one range that are looked at: a gigabyte, as much as a region has. A range may be as long as a 64-bit number allows. */
export const MAX_OBSERVED = 262_144;

/** `unmapped`: there is no VMA. `none`: there is one, but nothing is mapped. */
export type Where =
  | 'unmapped'
  | 'none'
  | 'zero'
  | 'system'
  | 'private'
  | 'coherent'
  | 'dax'
  | 'exclusive'
  | 'migrating'
  | 'swapped'
  | 'hwpoison';

export interface VmaState {
  readonly read: boolean;
  readonly write: boolean;
  readonly shared: boolean;
  readonly backing: 'anon' | 'file' | 'disk' | 'dax' | 'hugetlb' | 'device';
}

export interface PageState {
  readonly where: Where;
  /** Coherent memory of a kernel that calls it generic. */
  readonly generic: boolean;
  /** The device whose memory holds the page; null for system memory. */
  readonly device: Device | null;
  readonly page: Page;
  /** The folio that counts references. */
  readonly folio: Page;
  /** -1 where there is no page. */
  readonly pfn: number;
  /** Node of a page of system memory; -1 where the machine has one alone. */
  readonly nid: number;
  /** Which level of the page table ends the walk; `none`: a PMD that is none, `hole`: there is no table for it. */
  readonly level: 'pte' | 'pmd' | 'none' | 'hole';
  readonly vma: VmaState | null;
  /** What the CPU does without a fault: '', 'r' or 'rw'. */
  readonly cpu: string;
  /** The entry in words: "present write dirty young", "device private read" ... */
  readonly pte: string;
  readonly refcount: number;
  readonly mapcount: number;
  /** By driver and minor; devices that have nothing in their table are left out. */
  readonly devices: readonly DeviceAccess[];
}

export interface Entry {
  readonly level: PageState['level'];
  readonly page: Page;
  readonly flags: number;
}

/** What the page table has there. */
export function entryAt(mm: MmStruct, addr: number): Entry {
  const pmd = mm.pt.pmdTable(addr);
  if (pmd === null) return { level: 'hole', page: NO_PAGE, flags: 0 };
  const m = pmd_index(addr);
  const i = pte_index(addr);
  const table = pmd.child[m]!;
  if (table !== null) {
    const flags = table[FLAGS + i]!;
    const ofPage = (flags & PTE_PRESENT) !== 0 || is_pfn_swap_entry(flags);
    return { level: 'pte', page: ofPage ? table[i]! : NO_PAGE, flags };
  }
  const flags = pmd.e[FLAGS + m]!;
  if (flags === 0) return { level: 'none', page: NO_PAGE, flags: 0 };
  const ofPage = (flags & PTE_PRESENT) !== 0 || is_pfn_swap_entry(flags);
  return { level: 'pmd', page: ofPage ? pmd.e[m]! + i : NO_PAGE, flags };
}

const BACKINGS: readonly VmaState['backing'][] = ['anon', 'file', 'disk', 'dax', 'hugetlb', 'device'];

/** By the kind of the file; 'file' for others. */
const KEPT: Readonly<Record<string, VmaState['backing']>> = { ext4: 'disk', dax: 'dax', devdax: 'device' };

/** One object for all pages of such VMAs: there are many pages, and few kinds of VMAs. */
const vmaStates = new Map<number, VmaState>();

function vmaState(vma: VmArea | null): VmaState | null {
  if (vma === null) return null;
  const has = (flag: number): boolean => (vma.vm_flags & flag) !== 0;
  const kept = KEPT[vma.vm_file?.mapping?.kind ?? 'shmem'] ?? 'file';
  const file = vma.vm_ops?.fault === undefined ? 'device' : kept;
  const backing = has(VM_HUGETLB) ? 'hugetlb' : vma.vm_ops === null ? 'anon' : file;
  const key = (vma.vm_flags & (VM_READ | VM_WRITE | VM_SHARED)) * BACKINGS.length + BACKINGS.indexOf(backing);
  let state = vmaStates.get(key);
  if (state === undefined) {
    state = { read: has(VM_READ), write: has(VM_WRITE), shared: has(VM_SHARED), backing };
    vmaStates.set(key, state);
  }
  return state;
}

function isZero(k: Kernel, page: Page): boolean {
  if (page === k.zeroPage) return true;
  return k.hugeZeroFolio !== NO_PAGE && page >= k.hugeZeroFolio && page < k.hugeZeroFolio + 512;
}

function whereOf(k: Kernel, vma: VmArea | null, { flags, page }: Entry): Where {
  if (flags === 0) return vma === null ? 'unmapped' : 'none';
  if ((flags & PTE_PRESENT) === 0) {
    if (is_device_private_entry(flags)) return 'private';
    if (is_device_exclusive_entry(flags)) return 'exclusive';
    if (is_swap_entry(flags)) return 'swapped';
    if (is_hwpoison_entry(flags)) return 'hwpoison';
    // A marker has no page.
    return is_migration_entry(flags) ? 'migrating' : 'none';
  }
  if (isZero(k, page)) return 'zero';
  if (!k.is_zone_device_page(page)) return 'system';
  return is_dax_page(k, page) ? 'dax' : 'coherent';
}

function presentWords(flags: number): string {
  const words = [(flags & PTE_PROTNONE) !== 0 ? 'PROT_NONE' : 'present'];
  words.push((flags & PTE_WRITE) !== 0 ? 'write' : 'read');
  if ((flags & PTE_DIRTY) !== 0) words.push('dirty');
  if ((flags & PTE_YOUNG) !== 0) words.push('young');
  if ((flags & PTE_SPECIAL) !== 0) words.push('special');
  if ((flags & PTE_HUGE) !== 0) words.push('huge');
  return words.join(' ');
}

/** By flags: there are many entries, and few kinds of them. */
const knownWords = new Map<number, string>();

/** A page table entry in words. */
function pteWords(flags: number): string {
  let words = knownWords.get(flags);
  if (words === undefined) {
    words = wordsOf(flags);
    knownWords.set(flags, words);
  }
  return words;
}

function wordsOf(flags: number): string {
  if (flags === 0) return 'none';
  if ((flags & PTE_PRESENT) !== 0) return presentWords(flags);
  const type = swp_type(flags);
  if (is_device_private_entry(flags)) {
    return type === SWP_DEVICE_WRITE ? 'device private write' : 'device private read';
  }
  if (is_device_exclusive_entry(flags)) {
    return type === SWP_DEVICE_EXCLUSIVE_WRITE ? 'device exclusive write' : 'device exclusive read';
  }
  if (is_migration_entry(flags)) return type === SWP_MIGRATION_WRITE ? 'migration write' : 'migration read';
  if (is_hwpoison_entry(flags)) return 'hwpoison';
  return is_swap_entry(flags) ? 'swap' : 'marker';
}

function cpuAccess(flags: number): string {
  if ((flags & (PTE_PRESENT | PTE_PROTNONE)) !== PTE_PRESENT) return '';
  return (flags & PTE_WRITE) !== 0 ? 'rw' : 'r';
}

function nodeOf(k: Kernel, page: Page): number {
  return k.nodes.count === 1 || page === NO_PAGE || k.is_zone_device_page(page)
    ? -1
    : k.nodes.page_to_nid(page);
}

/** What is at the page-aligned `addr` of `mm` now. */
export function observePage(machine: Machine, mm: MmStruct, addr: number): PageState {
  const k = machine.kernel;
  const { mem } = k;
  const vma = mm.vmas.vma_lookup(addr);
  const entry = entryAt(mm, addr);
  const { level, flags } = entry;
  const { page } = entry;
  const folio = page === NO_PAGE ? NO_PAGE : compound_head(mem, page);
  const where = whereOf(k, vma, entry);
  return {
    where,
    generic: where === 'coherent' && k.behaviour.genericPagesAreMigratable,
    device: machine.drivers.deviceOf(page),
    page,
    folio,
    pfn: page === NO_PAGE ? -1 : mem.page_to_pfn(page),
    nid: nodeOf(k, page),
    level,
    vma: vmaState(vma),
    cpu: cpuAccess(flags),
    pte: pteWords(flags),
    refcount: page === NO_PAGE ? 0 : mem.refcount[folio]!,
    mapcount: page === NO_PAGE ? 0 : page_mapcount(mem, page),
    devices: machine.drivers.accesses(mm, addr),
  };
}

/** What a DeviceAccess, or the CPU, may do without a fault. */
export const ACCESS_TEXT = { r: 'reads', rw: 'reads and writes', a: 'has atomic access' } as const;

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Where a page is, as data for reports. */
export interface Place {
  readonly where: Where | 'generic';
  /** Name of the device whose memory it is. */
  readonly device?: string;
  /** NUMA node, where there are several. */
  readonly node?: number;
  /** In hexadecimal; where a page of its own is mapped. */
  readonly pfn?: string;
}

export function pagePlace({ where, generic, device, pfn, nid }: PageState): Place {
  if (where === 'unmapped' || where === 'none' || where === 'zero') return { where };
  if (where === 'swapped' || where === 'hwpoison') return { where };
  const on = device === null ? {} : { device: device.name };
  return { where: generic ? 'generic' : where, ...on, ...(nid < 0 ? {} : { node: nid }), pfn: hex(pfn) };
}

/** "system pfn 0x1234", "private on hmm_dmirror0 pfn 0x...", "nothing mapped" ... */
export function placeText({ where, device, node, pfn }: Place): string {
  switch (where) {
    case 'unmapped':
      return 'no VMA';
    case 'none':
      return 'nothing mapped';
    case 'zero':
      return 'zero page';
    case 'swapped':
      return 'swapped out';
    case 'hwpoison':
      return 'lost by the hardware';
    default:
      return `${where}${device === undefined ? '' : ` on ${device}`}${node === undefined ? '' : ` on node ${node}`} pfn ${pfn}`;
  }
}

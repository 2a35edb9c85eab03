// SPDX-License-Identifier: GPL-2.0-only
/**
 * Why the memory core leaves a page alone, gives up, or waits: ids with their values, and one table of their texts.
 *
 * A driver has reasons of its own: it lists them in its folder, merges them into `Reasons`, and the registry of drivers
 * puts its table beside this one. Messages of an oops, a hang or a WARN are no reasons: they say what died, for people.
 */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { folio_mapcount } from './page_flags.js';
import type { MmStruct } from './types.js';

type None = Readonly<Record<never, never>>;

interface References {
  readonly refcount: number;
  readonly mapcount: number;
  readonly expected: number;
}

/** The values of each reason, by its id. */
export interface CoreReasons {
  // The mapping.
  'no-vma': None;
  'vma-not-readable': None;
  'vma-not-writable': None;
  'special-mapping': None;
  'device-mapping': None;
  'dax-mapping': None;
  'fsdax-longterm': None;
  'hugetlb-mapping': None;
  'mapping-not-anonymous': None;
  'file-tracks-writes': None;
  'beyond-vma': None;
  'no-file': None;
  'not-shared-writable': None;
  'inside-huge-page': None;
  'no-huge-pages-there': None;
  'no-userfaults': None;
  'not-of-userfaultfd': None;
  'not-write-protectable': None;
  'ranges-overlap': None;
  'no-room-to-grow': None;
  'fd-not-open': None;
  // The entry.
  'file-hole': None;
  'exclusive-entry': None;
  'migration-entry': None;
  'zero-page': None;
  'not-present': None;
  'mapped-not-present': None;
  'swap-entry': None;
  'hwpoison-entry': None;
  'hwpoison-page': None;
  'nothing-writable': None;
  'file-empty-there': None;
  'uffd-missing': None;
  'uffd-wp': None;
  'guard-page': None;
  'page-there': None;
  'mapped-meanwhile': None;
  'huge-mapped-meanwhile': None;
  // What was selected.
  'system-not-selected': None;
  'private-not-selected': None;
  'coherent-not-selected': None;
  'coherent-huge-not-selected': None;
  'generic-not-selected': None;
  'wrong-owner': None;
  'foreign-private': None;
  // The page.
  'device-page': None;
  'no-mapping': None;
  'pte-mapped-thp': None;
  'tail-page': None;
  'hugetlb-page': None;
  'file-backed': None;
  'dirty-file': None;
  'under-writeback': None;
  'not-anonymous': None;
  'not-on-lru': None;
  'not-movable': None;
  mlocked: None;
  redirtied: None;
  'no-swap': None;
  'in-swap-cache': None;
  'not-unmapped': None;
  'exclusive-to-device': None;
  'maybe-pinned': None;
  'page-locked': None;
  'locked-by-other': None;
  'thp-locked-by-other': None;
  'huge-page-unsplit': None;
  'coherent-stuck': None;
  'coherent-not-longterm': None;
  'public-page': None;
  'not-for-the-fast-path': { readonly gup_flags: number };
  // Who holds it.
  pinned: References;
  'thp-pinned': References;
  'thp-referenced': None;
  'still-mapped': { readonly mapcount: number };
  'still-mapped-elsewhere': { readonly mapcount: number };
  'unexpected-reference': { readonly refcount: number; readonly expected: number };
  /** `pfn` is that of the first one. */
  'pages-in-use': {
    readonly pages: number;
    readonly pfn: number;
    readonly refcount: number;
    readonly mapcount: number;
  };
  // Memory, and faults.
  'no-memory': None;
  'no-free-huge-page': None;
  /** In pages. */
  'memcg-limit': { readonly memcg: string; readonly max: number; readonly memory: number };
  'fault-fails': None;
  'fault-answered': { readonly answer: string };
  /** A WARN, with what it says. */
  warning: { readonly message: string };
}

/** All reasons: drivers merge theirs in. */
export interface Reasons extends CoreReasons {}

export type ReasonId = keyof Reasons;

/** Ids that say everything. */
export type PlainReasonId = { [I in ReasonId]: keyof Reasons[I] extends never ? I : never }[ReasonId];

type ValuedId = Exclude<ReasonId, PlainReasonId>;

export type Reason =
  | { readonly id: PlainReasonId }
  | { [I in ValuedId]: { readonly id: I } & Reasons[I] }[ValuedId];

/** A reason, or its id alone: what is passed on before anybody knows whether it is told. */
export type Because = PlainReasonId | Reason;

export function reasonOf(because: Because): Reason {
  return typeof because === 'string' ? { id: because } : because;
}

/**
 * What a reason is about: `mapping`, which the range behind it shares, so that the walk or the command ends there;
 * `device`, the one whose memory the page is; `references` that somebody has; the page's `lock`; or just this page.
 */
export type About = 'mapping' | 'device' | 'references' | 'lock' | 'page';

export interface ReasonEntry<R> {
  readonly about: About;
  readonly text: string | ((reason: R) => string);
}

export type ReasonTable<Of = Reasons> = { readonly [I in keyof Of]: ReasonEntry<Of[I]> };

function mapping(text: string): ReasonEntry<None> {
  return { about: 'mapping', text };
}

function device(text: string): ReasonEntry<None> {
  return { about: 'device', text };
}

function page<R = None>(text: ReasonEntry<R>['text']): ReasonEntry<R> {
  return { about: 'page', text };
}

function references<R = None>(text: ReasonEntry<R>['text']): ReasonEntry<R> {
  return { about: 'references', text };
}

const locked = (text: string): ReasonEntry<None> => ({ about: 'lock', text });

const pinnedText = ({ refcount, mapcount, expected }: References): string =>
  `pinned: refcount ${refcount}, mapcount ${mapcount}, expected ${expected}`;

export const coreReasons: ReasonTable<CoreReasons> = {
  'no-vma': mapping('no VMA'),
  'vma-not-readable': mapping('VMA is not readable'),
  'vma-not-writable': mapping('VMA is not writable'),
  'special-mapping': mapping('special mapping'),
  'dax-mapping': mapping('mapping of a DAX file, whose pages are those of a device already'),
  'fsdax-longterm': mapping(
    'mapping of a DAX file, pinned for long: its file system could not cut pages off any more',
  ),
  'device-mapping': mapping("special mapping (a device's own pages)"),
  'hugetlb-mapping': mapping('hugetlb mapping'),
  'mapping-not-anonymous': page('mapping is not anonymous'),
  'file-tracks-writes': mapping('a shared file whose file system has to know of each write, pinned for long'),
  'beyond-vma': mapping('the VMA ends, and no call goes on in another'),
  'no-file': mapping('mapping without a file'),
  'not-shared-writable': mapping('mapping that is not shared, or may not be written'),
  'inside-huge-page': mapping('within a huge page of a hugetlb mapping'),
  'no-huge-pages-there': mapping('mapping in which no huge page fits, or may be'),
  'no-userfaults': mapping('mapping whose faults no userfaultfd can have'),
  'not-of-userfaultfd': mapping('no VMA that has all of the range, and is registered with a userfaultfd'),
  'not-write-protectable': mapping('not registered for write protection by a userfaultfd'),
  'ranges-overlap': mapping('where it is to go overlaps where it is'),
  'no-room-to-grow': mapping('no room to grow where it is, and it may not move'),
  'fd-not-open': page('the fd is not open'),
  'file-hole': page('hole in a mapping that is not anonymous'),
  'exclusive-entry': page('device exclusive entry'),
  'migration-entry': page('migration entry'),
  'zero-page': page('zero page'),
  'not-present': page('still not present'),
  'mapped-not-present': page('mapped by an entry that is not present'),
  'swap-entry': page('swapped out'),
  'hwpoison-page': page('page that the hardware has lost, and that a cache has still'),
  'hwpoison-entry': page('entry of a page that the hardware has lost (hwpoison)'),
  'nothing-writable': page('no entry is writable'),
  'file-empty-there': page('2 MiB of which the file has nothing'),
  'uffd-missing': page('missing page that a userfaultfd is to bring'),
  'uffd-wp': page('write-protected for a userfaultfd'),
  'guard-page': page('guard page (MADV_GUARD_INSTALL)'),
  'page-there': page('a page is there already'),
  'mapped-meanwhile': page('mapped meanwhile'),
  'huge-mapped-meanwhile': page('huge page mapped meanwhile'),
  'system-not-selected': page('system page, not selected'),
  'private-not-selected': device('device private page, not selected'),
  'coherent-not-selected': device('device coherent page, not selected'),
  'coherent-huge-not-selected': device(
    'huge device coherent page: what is mapped huge and present is for MIGRATE_VMA_SELECT_SYSTEM alone',
  ),
  'generic-not-selected': device('generic page, not selected'),
  'wrong-owner': device('wrong owner'),
  'foreign-private': device('device private page of another owner'),
  'device-page': page('page of a device, or without a struct page'),
  'no-mapping': page('page without a mapping (driver page)'),
  'pte-mapped-thp': page('part of a PTE-mapped THP'),
  'tail-page': page('tail page of a large folio'),
  'hugetlb-page': page('hugetlb page'),
  'file-backed': page('file-backed page'),
  'dirty-file': page('dirty page of a file, which goes first once it is written'),
  'under-writeback': page('page of a file that is being written to its disk, and goes first then'),
  'not-anonymous': page('not anonymous memory'),
  'not-on-lru': page('not on the LRU'),
  'not-movable': page('memory of the kernel or of a driver, which cannot be moved'),
  mlocked: page('locked in memory (mlock)'),
  redirtied: page('written to since MADV_FREE, or referenced'),
  'no-swap': page('no swap space'),
  'in-swap-cache': page('in the swap cache'),
  'not-unmapped': page('could not be unmapped everywhere'),
  'exclusive-to-device': page('exclusive to a device, whose entry holds the page'),
  'maybe-pinned': page('may be pinned'),
  'page-locked': locked('page is locked'),
  'locked-by-other': locked('page locked by somebody else'),
  'thp-locked-by-other': locked('THP locked by somebody else'),
  'huge-page-unsplit': page('huge page that cannot be split for small ones in its place'),
  'coherent-stuck': page('coherent page cannot be moved'),
  'coherent-not-longterm': page('coherent memory is not pinned for long'),
  'public-page': page('coherent memory of a device (CDM), which nobody may hold'),
  'not-for-the-fast-path': page(({ gup_flags }) => `gup flags ${gup_flags}: not for the fast path`),
  pinned: references(pinnedText),
  'thp-pinned': references((held) => `THP split failed: ${pinnedText(held)}`),
  'thp-referenced': references('THP split failed: still referenced'),
  'still-mapped': page(({ mapcount }) => `still mapped: mapcount ${mapcount}`),
  'still-mapped-elsewhere': page(
    ({ mapcount }) => `still mapped elsewhere, or read-only: mapcount ${mapcount}`,
  ),
  'unexpected-reference': page(
    ({ refcount, expected }) => `unexpected reference: refcount ${refcount}, expected ${expected}`,
  ),
  'pages-in-use': page(({ pages, pfn, refcount, mapcount }) => {
    const first = `pfn 0x${pfn.toString(16)}, refcount ${refcount}, mapcount ${mapcount}`;
    return `waits for ${pages} ${pages === 1 ? 'page' : 'pages'} in use, first ${first}`;
  }),
  'no-memory': page('no memory'),
  'no-free-huge-page': page('no huge page that is not reserved'),
  'memcg-limit': page(
    ({ memcg, max, memory }) => `memory cgroup ${memcg} has no room: ${memory} of ${max} pages are charged`,
  ),
  'fault-fails': page('the fault fails'),
  'fault-answered': page(({ answer }) => `handle_mm_fault() answered ${answer}`),
  warning: page(({ message }) => message),
};

/** Tells why a system call gives up before it looks at memory. */
export function note_refusal(k: Kernel, fn: string, because: Because): void {
  if (k.trace !== null) k.note({ event: 'skip', fn, reason: reasonOf(because) });
}

/** Tells why a system call answers `errno`: what is, or is not, at `addr`. Return: -errno. */
export function refused(mm: MmStruct, fn: string, addr: number, because: Because, errno: number): number {
  const k = mm.kernel;
  if (k.trace !== null) k.note({ event: 'skip', fn, mm, addr, reason: reasonOf(because) });
  return -errno;
}

/** Why a folio with more than `expected` references stays where it is. */
export function referenced(id: 'pinned' | 'thp-pinned', k: Kernel, folio: Page, expected: number): Reason {
  const { mem } = k;
  return { id, refcount: mem.refcount[folio]!, mapcount: folio_mapcount(mem, folio), expected };
}

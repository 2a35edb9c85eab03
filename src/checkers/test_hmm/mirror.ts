// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a device believes of an address space, its page table says: every entry of the device's table of an open file
 * names the page that holds the data of that address, with no more rights than the CPU has.
 *
 * The real driver breaks this in one way that it means to: it takes the invalidations of a migration for its own
 * device as its own, and leaves the tables of all files of the device as they are, so that those of the files which
 * did not ask go stale. Entries that such an invalidation passed over are excused until they change.
 *
 * And by a bug: the eviction of a coherent page that a device has for itself fails, but maps the page again without a
 * word to anybody. A reference to the page leaks there, by which such entries are known.
 */

import { backing_of } from '../../drivers/test_hmm/backing.js';
import type { Dmirror, DmirrorModule } from '../../drivers/test_hmm/dmirror.js';
import { DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE, xa_tag, xa_untag_page } from '../../drivers/test_hmm/xarray.js';
import type { MmuNotifierRange } from '../../mm/mmu_notifier.js';
import { compound_head } from '../../mm/page_flags.js';
import {
  is_device_exclusive_entry,
  PTE_PROTNONE,
  PTE_WRITE,
  pte_present,
  SWP_DEVICE_WRITE,
  swp_type,
} from '../../mm/pgtable.js';
import { PAGE_SIZE, type Page } from '../../sim/memmap.js';
import type { Census } from '../census.js';
import { type Translation, translate } from '../tlb.js';
import { hex, violation } from '../violation.js';

const NAME = 'mirror';

/** By file: entries (with their tags) that an ignored invalidation was about. */
const excused = new WeakMap<Dmirror, Map<number, number>>();

/** From now on, note which invalidations the driver ignores. Before the module's first file is opened. */
export function watch_mirrors(module: DmirrorModule): void {
  module.onIgnored = (dmirror, range) => excuse(dmirror, range);
}

function excuse(dmirror: Dmirror, range: MmuNotifierRange): void {
  let entries = excused.get(dmirror);
  if (entries === undefined) {
    entries = new Map();
    excused.set(dmirror, entries);
  }
  for (let index = range.start / PAGE_SIZE; index < range.end / PAGE_SIZE; index++) {
    const entry = dmirror.pt.xa_load(index);
    if (entry !== 0) entries.set(index, entry);
  }
}

export function check_mirrors(census: Census, { mirrors }: DmirrorModule): void {
  for (const dmirror of mirrors) if (dmirror !== null) check_mirror(census, dmirror);
}

function check_mirror(census: Census, dmirror: Dmirror): void {
  const before = excused.get(dmirror);
  const after = new Map<number, number>();
  for (const { index, page, tag } of dmirror.pt.entries()) {
    const wrong = disagreement(census, dmirror, page, tag, translate(dmirror.notifier.mm, index * PAGE_SIZE));
    if (wrong === null) continue;
    const entry = dmirror.pt.xa_load(index);
    if (before?.get(index) !== entry) {
      const where = `${dmirror.mdevice.name}, file ${dmirror.id}, mm ${dmirror.notifier.mm.id}`;
      throw violation(
        NAME,
        `${where}, ${hex(index * PAGE_SIZE)}: the device has ${show(census, entry)}, but ${wrong}`,
      );
    }
    after.set(index, entry);
  }
  if (before !== undefined) excused.set(dmirror, after);
}

function show(census: Census, entry: number): string {
  const how = { [DPT_XA_TAG_WRITE]: ' to write', [DPT_XA_TAG_ATOMIC]: ' for itself' }[xa_tag(entry)] ?? '';
  return `${census.show(xa_untag_page(entry))}${how}`;
}

/** What the CPU's page table says instead; null when it agrees. */
function disagreement(
  census: Census,
  dmirror: Dmirror,
  page: Page,
  tag: number,
  cpu: Translation,
): string | null {
  const { flags } = cpu;
  if (flags === 0) return 'nothing is mapped';
  if (is_device_exclusive_entry(flags)) {
    return tag === DPT_XA_TAG_ATOMIC && cpu.page === page
      ? null
      : `${census.show(cpu.page)} is reserved for a device`;
  }
  if (tag === DPT_XA_TAG_ATOMIC) {
    return census.k.leakedReferences.includes(page) ? null : 'the CPU may access it';
  }
  if (pte_present(flags)) {
    if ((flags & PTE_PROTNONE) !== 0) return 'the mapping is PROT_NONE';
    if (cpu.page !== page) return `${census.show(cpu.page)} is mapped`;
  } else if (!is_data_of(census, dmirror, page, cpu.page)) {
    return `${census.show(cpu.page)} has the data`;
  }
  const writable = pte_present(flags) ? (flags & PTE_WRITE) !== 0 : swp_type(flags) === SWP_DEVICE_WRITE;
  return tag === DPT_XA_TAG_WRITE && !writable ? 'the mapping is read-only' : null;
}

/**
 * Whether the device's entry for its private page `own` may be `page`: its backing page, or, by a bug, itself. In place
 * of `own`, a page before it of the same huge page may stand, whose backing that is: hmm_vma_handle_absent_pmd() counts
 * from the head, wherever in the huge page the range begins.
 */
function is_data_of({ k }: Census, dmirror: Dmirror, page: Page, own: Page): boolean {
  if (k.pgmapOf(own).owner !== dmirror.mdevice) return false;
  const head = compound_head(k.mem, own);
  const between = (first: Page, last: Page): boolean => first <= page && page <= last;
  return (
    between(backing_of(k, head), backing_of(k, own)) ||
    (k.behaviour.faultMirrorsOwnPrivatePage && between(head, own))
  );
}

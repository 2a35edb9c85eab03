// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/workingset.c: what was evicted leaves a note of when, and is active at once when it comes back soon.
 * Fidelity: ported, of lists without `lru_gen`. DIVERGES: notes are never given up for memory.
 *
 * A note (shadow entry) is a number, in the place that the page had: in its file, or by its slot of the swap device.
 */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { lru_note_cost_refault } from './lru_cost.js';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruLists,
} from './lru_lists.js';
import { folio_is_file_lru, folio_nr_pages, PG_active, PG_workingset } from './page_flags.js';
import { get_nr_swap_pages } from './swap.js';

/** What a shadow says, in this order from its lowest bit: two values, nodes, cgroups; above them the age at eviction. */
const NODES = 64;
const MEMCGS = 65536;

interface Shadow {
  readonly nid: number;
  readonly memcgId: number;
  readonly eviction: number;
  readonly workingset: boolean;
}

const pack_shadow = ({ nid, memcgId, eviction, workingset }: Shadow): number =>
  ((eviction * MEMCGS + memcgId) * NODES + nid) * 2 + (workingset ? 1 : 0);

function unpack_shadow(shadow: number): Shadow {
  const place = Math.floor(shadow / 2);
  const cgroup = Math.floor(place / NODES);
  return {
    nid: place % NODES,
    memcgId: cgroup % MEMCGS,
    eviction: Math.floor(cgroup / MEMCGS),
    workingset: shadow % 2 === 1,
  };
}

/** Pages have aged: those that are away age with them, of the cgroup and of the root. */
export function workingset_age_nonresident(lruvec: LruLists, memcgId: number, nr_pages: number): void {
  lruvec.state(memcgId).nonresident_age += nr_pages;
  if (memcgId !== 0) lruvec.state(0).nonresident_age += nr_pages;
}

/** A folio is about to be evicted, for the sake of cgroup `target` (0: of all). Return: its shadow. Context: folio locked. */
export function workingset_eviction(k: Kernel, folio: Page, target: number): number {
  const nid = k.nodes.page_to_nid(folio);
  const lruvec = k.lruvecs[nid]!;
  const eviction = lruvec.state(target).nonresident_age;
  workingset_age_nonresident(lruvec, target, folio_nr_pages(k.mem, folio));
  const workingset = (k.mem.flags[folio]! & PG_workingset) !== 0;
  return pack_shadow({ nid, memcgId: target, eviction, workingset });
}

/** Whether the kernel knows a cgroup by its id: until its directory is gone, and it has no slot of the swap device. */
function mem_cgroup_from_id(k: Kernel, memcgId: number): boolean {
  if (memcgId === 0) return true;
  const { online, swap } = k.memcgs!.all[memcgId - 1]!;
  return online || swap > 0;
}

/** How far a refault is from its eviction, and how far it may be (both in pages). null: the cgroup is gone. */
function workingset_test_recent(
  k: Kernel,
  { nid, memcgId, eviction }: Shadow,
  file: boolean,
): { readonly distance: number; readonly size: number } | null {
  if (!mem_cgroup_from_id(k, memcgId)) return null;
  const lruvec = k.lruvecs[nid]!;
  const distance = lruvec.state(memcgId).nonresident_age - eviction;
  let size = lruvec.page_state(LRU_ACTIVE_FILE, memcgId);
  if (!file) size += lruvec.page_state(LRU_INACTIVE_FILE, memcgId);
  if (get_nr_swap_pages(k) > 0) {
    size += lruvec.page_state(LRU_ACTIVE_ANON, memcgId);
    if (file) size += lruvec.page_state(LRU_INACTIVE_ANON, memcgId);
  }
  return { distance, size };
}

/**
 * The contents of an evicted folio are back, in a new one: it is active, where it could have stayed had all memory been
 * for what is in use. Context: folio locked, charged, with its PG_swapbacked; not on a list yet.
 */
export function workingset_refault(k: Kernel, folio: Page, shadow: number): void {
  const { mem } = k;
  // Whoever asks how long lists are has to have lists.
  k.lru.link(k.firstDevicePage);
  const note = unpack_shadow(shadow);
  const file = folio_is_file_lru(mem, folio);
  const nr = folio_nr_pages(mem, folio);
  const lruvec = k.lruvecs[k.nodes.page_to_nid(folio)]!;
  const memcgId = lruvec.memcgOf(folio);
  lruvec.mod_lruvec_state('refault', file, nr, memcgId);
  const recent = workingset_test_recent(k, note, file);
  const active = recent !== null && recent.distance <= recent.size;
  if (k.trace !== null && recent !== null)
    k.note({
      event: 'workingset_refault',
      fn: 'workingset_refault',
      page: folio,
      args: { ...recent, active: Number(active), workingset: Number(note.workingset) },
    });
  if (!active) return;
  mem.flags[folio]! |= PG_active;
  workingset_age_nonresident(lruvec, memcgId, nr);
  lruvec.mod_lruvec_state('activate', file, nr, memcgId);
  if (!note.workingset) return;
  mem.flags[folio]! |= PG_workingset;
  lru_note_cost_refault(k, lruvec, memcgId, file, nr);
  lruvec.mod_lruvec_state('restore', file, nr, memcgId);
}

/** A folio becomes active because somebody uses it. */
export function workingset_activation(k: Kernel, folio: Page): void {
  const lruvec = k.lruvecs[k.nodes.page_to_nid(folio)]!;
  workingset_age_nonresident(lruvec, lruvec.memcgOf(folio), folio_nr_pages(k.mem, folio));
}

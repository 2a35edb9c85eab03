// SPDX-License-Identifier: GPL-2.0-only
/** anon_vmas: chains lead both ways, between living VMAs and anon_vmas; the counts that decide on reuse are right. */
import type { AnonVma } from '../mm/anon_vma.js';
import type { VmArea } from '../mm/types.js';
import type { Census } from './census.js';
import { hex, violation } from './violation.js';

const NAME = 'anon_vma';

interface Counts {
  /** VMAs whose vma->anon_vma it is. */
  vmas: number;
  /** anon_vmas in use whose parent it is, itself included where it is a root. */
  children: number;
  /** anon_vmas whose root it is, besides itself. */
  descendants: number;
  /** Chains that VMAs have to it. */
  chains: number;
}

export function check_anon_vmas({ k, mms }: Census): void {
  const counts = new Map<AnonVma, Counts>();
  for (const anon_vma of k.anonVmas) {
    if (anon_vma !== null) counts.set(anon_vma, { vmas: 0, children: 0, descendants: 0, chains: 0 });
  }
  for (const mm of mms) for (const vma of mm.vmas) count_vma(vma, counts);
  for (const anon_vma of counts.keys()) {
    if (anon_vma.chains.size > 0) counts.get(anon_vma.parent)!.children++;
    if (anon_vma.root !== anon_vma) counts.get(anon_vma.root)!.descendants++;
  }
  for (const [anon_vma, found] of counts) check_counts(anon_vma, found);
}

const wrong = (vma: VmArea, text: string): Error =>
  violation(NAME, `mm ${vma.vm_mm.id}, VMA at ${hex(vma.vm_start)}: ${text}`);

function count_vma(vma: VmArea, counts: Map<AnonVma, Counts>): void {
  let own = false;
  for (const avc of vma.anon_vma_chain) {
    const found = counts.get(avc.anon_vma);
    if (found === undefined) throw wrong(vma, `a chain to anon_vma ${avc.anon_vma.id}, which is gone`);
    if (avc.vma !== vma || !avc.anon_vma.chains.has(avc)) {
      throw wrong(vma, `anon_vma ${avc.anon_vma.id} does not know of its chain`);
    }
    found.chains++;
    if (avc.anon_vma === vma.anon_vma) own = true;
  }
  if (vma.anon_vma === null) return;
  if (!own) throw wrong(vma, `no chain to its own anon_vma ${vma.anon_vma.id}`);
  counts.get(vma.anon_vma)!.vmas++;
}

function check_counts(anon_vma: AnonVma, found: Counts): void {
  const counted = [
    ['chains', anon_vma.chains.size, found.chains],
    ['num_active_vmas', anon_vma.num_active_vmas, found.vmas],
    ['num_children', anon_vma.num_children, found.children],
    ['refcount', anon_vma.refcount, (found.chains > 0 ? 1 : 0) + found.descendants],
  ] as const;
  for (const [name, said, count] of counted) {
    if (said !== count) throw violation(NAME, `anon_vma ${anon_vma.id}: ${name} ${said}, but ${count} found`);
  }
}

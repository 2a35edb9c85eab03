// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/mempolicy.c: policies of mappings, files in memory and tasks, and which node a page comes from. Fidelity:
 * simplified: the modes of 2016 without their flags, no cpusets. DIVERGES: the threads of a process share its policy.
 */
import type { Page } from '../sim/memmap.js';
import { EINVAL } from '../uapi/errno.js';
import { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED } from '../uapi/mempolicy.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { current_mm } from './memcontrol.js';
import { type MigrateType, MOVABLE } from './page_alloc.js';
import type { NodeChoice } from './page_alloc_nodes.js';
import { type AddressSpace, linear_page_index, type MmStruct, type VmArea, vma_is_shmem } from './types.js';

/** struct mempolicy: it never changes. */
export interface Mempolicy {
  readonly mode: number;
  /** In ascending order; none of MPOL_LOCAL. */
  readonly nodes: readonly number[];
  /** What it tells the allocator, in turns. */
  readonly choices: readonly NodeChoice[];
}

/** The policy of the pages [start, end) of a file in memory (struct sp_node). */
export interface SharedPolicy {
  readonly start: number;
  readonly end: number;
  readonly policy: Mempolicy;
}

const LOCAL_NODE = 0;

/** Only there is there memory. */
const ONE_NODE = [LOCAL_NODE];

/** Nodes that a policy may name (cpuset_current_mems_allowed and N_MEMORY). */
export const policy_nodes = (k: Kernel): readonly number[] => k.severalNodes?.policy_nodes ?? ONE_NODE;

function choices_of(mode: number, nodes: readonly number[]): NodeChoice[] {
  if (mode === MPOL_LOCAL) return [{ nid: LOCAL_NODE, nodemask: null, mayKill: true }];
  if (mode === MPOL_BIND) return [{ nid: LOCAL_NODE, nodemask: nodes, mayKill: true }];
  return nodes.map((nid) => ({ nid, nodemask: null, mayKill: true }));
}

/** mpol_new() and mpol_set_nodemask(). Return: the policy; null for the default; -EINVAL. */
export function mpol_new(k: Kernel, mode: number, asked: readonly number[]): Mempolicy | null | number {
  if (mode === MPOL_DEFAULT) return asked.length === 0 ? null : -EINVAL;
  if (mode < 0 || mode > MPOL_LOCAL) return -EINVAL;
  const local = mode === MPOL_LOCAL || (mode === MPOL_PREFERRED && asked.length === 0);
  if (local && asked.length > 0) return -EINVAL;
  if (local) return { mode: MPOL_LOCAL, nodes: [], choices: choices_of(MPOL_LOCAL, []) };
  const there = policy_nodes(k);
  const found = asked.filter((nid) => there.includes(nid));
  if (found.length === 0) return -EINVAL;
  const nodes = mode === MPOL_PREFERRED ? found.slice(0, 1) : found;
  return { mode, nodes, choices: choices_of(mode, nodes) };
}

export function mpol_equal(a: Mempolicy | null, b: Mempolicy | null): boolean {
  if (a === null || b === null) return a === b;
  return a.mode === b.mode && `${a.nodes}` === `${b.nodes}`;
}

// --- policies of files in memory ---------------------------------------------------------------------------

/** mpol_shared_policy_lookup(). */
function shared_policy(mapping: AddressSpace, index: number): Mempolicy | null {
  return mapping.policies.find(({ start, end }) => index >= start && index < end)?.policy ?? null;
}

/** mpol_set_shared_policy(): the pages [start, end) have this one from now on. */
export function mpol_set_shared_policy(
  mapping: AddressSpace,
  start: number,
  end: number,
  policy: Mempolicy | null,
): void {
  const rest = mapping.policies.flatMap((old) => [
    { ...old, end: Math.min(old.end, start) },
    { ...old, start: Math.max(old.start, end) },
  ]);
  const kept = rest.filter((old) => old.end > old.start);
  mapping.policies = policy === null ? kept : [...kept, { start, end, policy }];
}

/** __get_vma_policy(): that of a memory file, which whoever maps it has, or the mapping's own; null where the task's counts. */
export function vma_policy(vma: VmArea, addr: number): Mempolicy | null {
  return vma_is_shmem(vma)
    ? shared_policy(vma.vm_file!.mapping!, linear_page_index(vma, addr))
    : vma.vm_policy;
}

// --- which node ---------------------------------------------------------------------------------------------

/** policy_nodemask() of the page with this number of those that are dealt out. */
const interleaved = ({ choices }: Mempolicy, ilx: number): NodeChoice => choices[ilx % choices.length]!;

/** interleave_nodes(): the one after the last that the task had. */
function interleave_next(mm: MmStruct, { nodes, choices }: Mempolicy): NodeChoice {
  const next = nodes.findIndex((nid) => nid > mm.il_prev);
  const choice = choices[Math.max(next, 0)]!;
  mm.il_prev = choice.nid;
  return choice;
}

/** Where a page at `addr` comes from (vma_alloc_folio); null: wherever there is one. `pages` of it are one folio. */
export function vma_choice(vma: VmArea, addr: number, pages = 1): NodeChoice | null {
  const k = vma.vm_mm.kernel;
  if (k.severalNodes === null) return null;
  const pol = vma_policy(vma, addr) ?? current_mm(k)?.mempolicy ?? null;
  return pol === null ? null : interleaved(pol, Math.floor(linear_page_index(vma, addr) / pages));
}

/** Where a page of a file in memory comes from (shmem_alloc_folio). */
export function shmem_choice(k: Kernel, mapping: AddressSpace, index: number): NodeChoice | null {
  if (k.severalNodes === null) return null;
  const pol = shared_policy(mapping, index) ?? current_mm(k)?.mempolicy ?? null;
  return pol === null ? null : interleaved(pol, index);
}

/** Where a page that no mapping has comes from (alloc_pages): the task says, as of what it reads of a file. */
export function task_choice(k: Kernel): NodeChoice | null {
  if (k.severalNodes === null) return null;
  const mm = current_mm(k);
  if (mm === null || mm.mempolicy === null) return null;
  const { mode, choices } = mm.mempolicy;
  return mode === MPOL_INTERLEAVE ? interleave_next(mm, mm.mempolicy) : choices[0]!;
}

/** Where a folio that a policy moves goes (alloc_migration_target_by_mpol): nobody dies for it. */
export function target_choice(k: Kernel, pol: Mempolicy, src: Page): NodeChoice {
  return { ...interleaved(pol, k.mem.index[src]!), mayKill: false };
}

/** That node and no other (__GFP_THISNODE), for a folio that moves there. */
export const this_node = (nid: number): NodeChoice => ({ nid, nodemask: [nid], mayKill: false });

/** A small page of a choice, at once; NO_PAGE where there is none. What a choice says counts for user memory alone. */
export function alloc_page_at(k: Kernel, choice: NodeChoice | null, type: MigrateType = MOVABLE): Page {
  return choice === null ? k.pages.alloc_page(type) : k.severalNodes!.alloc_page_of(choice);
}

/** A huge one. */
export function alloc_huge_at(k: Kernel, choice: NodeChoice | null): Page {
  return choice === null ? k.pages.alloc_huge() : k.severalNodes!.alloc_huge_of(choice);
}

/** mm/mempolicy.c, mempolicy_in_oom_domain(): whether the death of a process could free memory of these nodes. */
export function mempolicy_in_oom_domain(mm: MmStruct | null, nodemask: readonly number[] | null): boolean {
  const pol = mm?.mempolicy ?? null;
  if (nodemask === null || pol === null || pol.mode !== MPOL_BIND) return true;
  return pol.nodes.some((nid) => nodemask.includes(nid));
}

/** set_mempolicy(2). Return: 0 or -EINVAL. */
export function do_set_mempolicy(mm: MmStruct, mode: number, nodes: readonly number[]): number {
  const pol = mpol_new(mm.kernel, mode, nodes);
  if (typeof pol === 'number') return pol;
  mm.mempolicy = pol;
  mm.il_prev = -1;
  return 0;
}

/** The pages of a range of a mapping, by their numbers in the file. */
export function pages_of_range(vma: VmArea, start: number, end: number): { start: number; end: number } {
  const first = linear_page_index(vma, start);
  return { start: first, end: first + (end - start) / PAGE_SIZE };
}

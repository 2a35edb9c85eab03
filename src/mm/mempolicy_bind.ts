// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/mempolicy.c: mbind(), migrate_pages() and get_mempolicy(). Fidelity: ported; pages of the hugetlb pool stay
 * where they are.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL, EIO } from '../uapi/errno.js';
import {
  MPOL_DEFAULT,
  MPOL_F_ADDR,
  MPOL_F_NODE,
  MPOL_INTERLEAVE,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
} from '../uapi/mempolicy.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { get_user_pages } from './gup.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru } from './lru.js';
import { folio_likely_mapped_shared } from './madvise_folios.js';
import {
  type Mempolicy,
  mpol_equal,
  mpol_new,
  mpol_set_shared_policy,
  pages_of_range,
  policy_nodes,
  target_choice,
  this_node,
  vma_policy,
} from './mempolicy.js';
import { migrate_pages } from './migrate_pages.js';
import { TASK_SIZE } from './mmap.js';
import { put_page } from './page_alloc.js';
import { compound_head, folio_test_large, PG_reserved } from './page_flags.js';
import {
  FLAGS,
  is_migration_entry,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  vm_normal_page,
} from './pgtable.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  VM_IO,
  VM_PFNMAP,
  type VmArea,
  vma_is_dax,
  vma_is_shmem,
} from './types.js';
import { vma_modify_flags } from './vma.js';

const MOVES = MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;

/** Whether pages of the mapping may go elsewhere. Those of the hugetlb pool may in the kernel. */
export function vma_migratable(vma: VmArea): boolean {
  return (vma.vm_flags & (VM_IO | VM_PFNMAP)) === 0 && !vma_is_dax(vma) && !is_vm_hugetlb_page(vma);
}

/** struct queue_pages. */
interface Queue {
  readonly k: Kernel;
  readonly flags: number;
  /** Whether a page of this node is to go. */
  readonly required: (nid: number) => boolean;
  readonly folios: Page[];
  failed: number;
  /** The large folio that was seen last. */
  large: Page;
}

/** Whether nothing may be where it should not. */
const strictly = (flags: number): boolean => (flags & (MPOL_MF_STRICT | MOVES)) === MPOL_MF_STRICT;

/** migrate_folio_add(): a folio that others map stays, and is no failure. */
function migrate_folio_add({ k, flags, folios }: Queue, folio: Page): boolean {
  if ((flags & MPOL_MF_MOVE_ALL) === 0 && folio_likely_mapped_shared(k, folio)) return true;
  if (!folio_isolate_lru(k, folio)) return false;
  folios.push(folio);
  return true;
}

function queue_folio(queue: Queue, vma: VmArea, folio: Page): void {
  const { k, required } = queue;
  if (k.is_zone_device_page(folio) || (k.mem.flags[folio]! & PG_reserved) !== 0) return;
  if (!required(k.nodes.page_to_nid(folio))) return;
  const moves = (queue.flags & MOVES) !== 0 && vma_migratable(vma);
  if (!moves || !migrate_folio_add(queue, folio)) queue.failed++;
}

function queue_ptes(queue: Queue, vma: VmArea, addr: number, end: number): void {
  const { k } = queue;
  const table = vma.vm_mm.pt.pteTable(addr);
  if (table === null) return;
  for (let at = addr; at < end; at += PAGE_SIZE) {
    const flags = table[FLAGS + pte_index(at)]!;
    if (flags === 0) continue;
    if (!pte_present(flags)) {
      if (is_migration_entry(flags)) queue.failed++;
      continue;
    }
    const page = vm_normal_page(flags, table[pte_index(at)]!);
    if (page === NO_PAGE) continue;
    const folio = compound_head(k.mem, page);
    // Many entries map a large one, which is isolated once.
    if (folio === queue.large) continue;
    if (folio_test_large(k.mem, folio)) queue.large = folio;
    queue_folio(queue, vma, folio);
    if (queue.failed > 0 && strictly(queue.flags)) return;
  }
}

function queue_vma(queue: Queue, vma: VmArea, from: number, to: number): void {
  for (let addr = from; addr < to; addr = pmd_addr_end(addr, to)) {
    const pmd = vma.vm_mm.pt.pmdTable(addr);
    if (pmd === null) continue;
    const i = pmd_index(addr);
    if (!pmd_is_huge(pmd, i)) queue_ptes(queue, vma, addr, pmd_addr_end(addr, to));
    else if (!pte_present(pmd.e[FLAGS + i]!)) queue.failed++;
    else if (pmd.e[i] !== queue.k.hugeZeroFolio)
      queue_folio(queue, vma, compound_head(queue.k.mem, pmd.e[i]!));
  }
}

/** queue_pages_range(). `holes`: there may be some. Return: folios that could not be queued; -EFAULT over a hole; -EIO. */
function queue_pages_range(
  mm: MmStruct,
  start: number,
  end: number,
  flags: number,
  required: Queue['required'],
  folios: Page[],
  holes: boolean,
): number {
  const queue: Queue = { k: mm.kernel, flags, required, folios, failed: 0, large: NO_PAGE };
  const vmas = mm.vmas.inRange(start, end);
  let covered = start;
  for (const vma of vmas) {
    if (!holes && vma.vm_start > covered) return -EFAULT;
    covered = vma.vm_end;
    if ((flags & (MPOL_MF_STRICT | MOVES)) === 0) continue;
    if (!vma_migratable(vma) && (flags & MPOL_MF_STRICT) === 0) continue;
    queue_vma(queue, vma, Math.max(vma.vm_start, start), Math.min(vma.vm_end, end));
    if (queue.failed > 0 && strictly(flags)) return -EIO;
  }
  return vmas.length === 0 || (!holes && covered < end) ? -EFAULT : queue.failed;
}

/** mbind_range(): the part of a mapping has this policy from now on. Return: 0 or -errno. */
function* mbind_range(vma: VmArea, start: number, end: number, policy: Mempolicy | null): Task<number> {
  const from = Math.max(vma.vm_start, start);
  const to = Math.min(vma.vm_end, end);
  if (vma_is_shmem(vma)) {
    const pages = pages_of_range(vma, from, to);
    mpol_set_shared_policy(vma.vm_file!.mapping!, pages.start, pages.end, policy);
  }
  if (mpol_equal(vma.vm_policy, policy)) return 0;
  const uffd = vma.vm_userfaultfd_ctx;
  const modified = yield* vma_modify_flags(vma, from, to, vma.vm_flags, uffd, policy);
  if (typeof modified === 'number') return modified;
  modified.vm_policy = policy;
  return 0;
}

function* bind_mappings(mm: MmStruct, start: number, end: number, policy: Mempolicy | null): Task<number> {
  for (const vma of mm.vmas.inRange(start, end)) {
    const err = yield* mbind_range(vma, start, end, policy);
    if (err !== 0) return err;
  }
  return 0;
}

/**
 * mbind(2). Context: may sleep. Return: 0; -EINVAL; -EFAULT over a hole; -EIO where a page stays on another node that must
 * not; -ENOMEM.
 */
export function* do_mbind(
  mm: MmStruct,
  start: number,
  length: number,
  mode: number,
  nodes: readonly number[],
  askedFlags: number,
): Task<number> {
  const { kernel: k } = mm;
  const flags = mode === MPOL_DEFAULT ? askedFlags & ~MPOL_MF_STRICT : askedFlags;
  if ((flags & ~(MPOL_MF_STRICT | MOVES)) !== 0 || start % PAGE_SIZE !== 0) return -EINVAL;
  const end = start + Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
  if (end > TASK_SIZE) return -EINVAL;
  if (end === start) return 0;
  const policy = mpol_new(k, mode, nodes);
  if (typeof policy === 'number') return policy;
  yield* mm.mmap_lock.down_write('do_mbind');
  const folios: Page[] = [];
  const elsewhere = (nid: number): boolean => !nodes.includes(nid);
  const failed = queue_pages_range(mm, start, end, flags, elsewhere, folios, policy === null);
  let err = failed < 0 ? failed : yield* bind_mappings(mm, start, end, policy);
  mm.mmap_lock.up_write();
  const target = policy ?? mm.mempolicy;
  const to = target === null ? null : (src: Page) => target_choice(k, target, src);
  const stay = folios.length === 0 ? 0 : yield* migrate_pages(k, folios, 'MR_SYSCALL', to);
  if (err === 0 && Math.max(failed, 0) + stay > 0 && (flags & MPOL_MF_STRICT) !== 0) err = -EIO;
  return err;
}

// --- migrate_pages(2) ---------------------------------------------------------------------------------------

/** All of a process's pages on one node go to another. Return: those that stay. */
function* migrate_to_node(mm: MmStruct, source: number, dest: number): Task<number> {
  const folios: Page[] = [];
  yield* mm.mmap_lock.down_read('migrate_to_node');
  const is = (nid: number): boolean => nid === source;
  const failed = queue_pages_range(mm, 0, TASK_SIZE, MPOL_MF_MOVE_ALL, is, folios, true);
  mm.mmap_lock.up_read();
  return Math.max(failed, 0) + (yield* migrate_pages(mm.kernel, folios, 'MR_SYSCALL', () => this_node(dest)));
}

/** The next pair of nodes to move from and to, whose target is free of what is yet to move if there is such a one. */
function next_pair(
  left: readonly number[],
  from: readonly number[],
  to: readonly number[],
): { readonly source: number; readonly dest: number } | null {
  let pair: { source: number; dest: number } | null = null;
  for (const source of left) {
    if (from.length !== to.length && to.includes(source)) continue;
    const dest = to[from.indexOf(source) % to.length]!;
    if (source === dest) continue;
    pair = { source, dest };
    if (!left.includes(dest)) break;
  }
  return pair;
}

/** migrate_pages(2) of a process. Context: may sleep. Return: pages that stay; -EINVAL. */
export function* do_migrate_pages(
  mm: MmStruct,
  from: readonly number[],
  asked: readonly number[],
): Task<number> {
  const targets = mm.kernel.severalNodes?.target_nodes ?? policy_nodes(mm.kernel);
  const to = asked.filter((nid) => targets.includes(nid));
  if (to.length === 0) return -EINVAL;
  let left = [...from];
  let stay = 0;
  for (let pair = next_pair(left, from, to); pair !== null; pair = next_pair(left, from, to)) {
    const { source, dest } = pair;
    left = left.filter((nid) => nid !== source);
    stay += yield* migrate_to_node(mm, source, dest);
  }
  return stay;
}

// --- get_mempolicy(2) ---------------------------------------------------------------------------------------

/** The node of the page at `addr`, which is faulted in where it is missing. Return: or -EFAULT. */
function* lookup_node(mm: MmStruct, addr: number): Task<number> {
  const k = mm.kernel;
  const pages = new Uint32Array(1);
  yield* mm.mmap_lock.down_read('lookup_node');
  const got = yield* get_user_pages(mm, addr - (addr % PAGE_SIZE), 1, 0, pages);
  mm.mmap_lock.up_read();
  if (got <= 0) return got === 0 ? -EFAULT : got;
  const nid = k.nodes.page_to_nid(pages[0]!);
  put_page(k, compound_head(k.mem, pages[0]!));
  return nid;
}

/** get_mempolicy(2). Context: may sleep. Return: the mode, or the node, with the nodes of the policy; -EINVAL; -EFAULT. */
export function* do_get_mempolicy(
  mm: MmStruct,
  addr: number,
  flags: number,
): Task<{ readonly value: number; readonly nodes: readonly number[] } | number> {
  if ((flags & ~(MPOL_F_NODE | MPOL_F_ADDR)) !== 0) return -EINVAL;
  const at = (flags & MPOL_F_ADDR) !== 0;
  if (!at && addr !== 0) return -EINVAL;
  const vma = at ? mm.vmas.vma_lookup(addr) : null;
  if (at && vma === null) return -EFAULT;
  const pol = vma === null ? mm.mempolicy : vma_policy(vma, addr);
  const nodes = pol?.nodes ?? [];
  if ((flags & MPOL_F_NODE) === 0) return { value: pol?.mode ?? MPOL_DEFAULT, nodes };
  if (at) {
    const nid = yield* lookup_node(mm, addr);
    return nid < 0 ? nid : { value: nid, nodes };
  }
  if (pol?.mode !== MPOL_INTERLEAVE) return -EINVAL;
  return { value: nodes.find((nid) => nid > mm.il_prev) ?? nodes[0]!, nodes };
}

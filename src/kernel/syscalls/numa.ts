// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/mempolicy.c and mm/migrate.c, the system calls. Fidelity: simplified: the flags of modes are refused;
 * everybody may move everybody's pages.
 */

import { do_set_mempolicy } from '../../mm/mempolicy.js';
import { do_get_mempolicy, do_mbind, do_migrate_pages } from '../../mm/mempolicy_bind.js';
import { do_pages_move, do_pages_stat } from '../../mm/move_pages.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { exactU64At, putU32, u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { E2BIG, EFAULT, EINVAL, ESRCH } from '../../uapi/errno.js';
import {
  decodeNodes,
  encodeNodes,
  MAX_NUMNODES,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
} from '../../uapi/mempolicy.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Process } from '../process.js';

/** Pages of one call. DIVERGES: the kernel takes as many as there are. */
const MAX_PAGES = 65536;

/** get_nodes(): the nodes of a mask in user memory, of `maxnode` - 1 bits. Return: or -EINVAL, -EFAULT. */
function* get_nodes(mm: MmStruct, nmask: number, maxnode: number): Task<number[] | number> {
  const bits = maxnode - 1;
  if (bits <= 0 || nmask === 0) return [];
  if (bits > PAGE_SIZE * 8) return -EINVAL;
  const bytes = yield* copy_from_user(mm, nmask, Math.ceil(bits / 64) * 8);
  if (bytes === null) return -EFAULT;
  const nodes = decodeNodes(bytes).filter((nid) => nid < bits);
  return nodes.some((nid) => nid >= MAX_NUMNODES) ? -EINVAL : nodes;
}

/** Return: 0, -EINVAL, -EFAULT, -EIO, -ENOMEM. */
export function* sys_mbind(
  process: Process,
  start: number,
  len: number,
  mode: number,
  nmask: number,
  maxnode: number,
  flags: number,
): Task<number> {
  const nodes = yield* get_nodes(process.ownMm, nmask, maxnode);
  return typeof nodes === 'number' ? nodes : yield* do_mbind(process.ownMm, start, len, mode, nodes, flags);
}

/** Return: 0, -EINVAL, -EFAULT. */
export function* sys_set_mempolicy(
  process: Process,
  mode: number,
  nmask: number,
  maxnode: number,
): Task<number> {
  const nodes = yield* get_nodes(process.ownMm, nmask, maxnode);
  return typeof nodes === 'number' ? nodes : do_set_mempolicy(process.ownMm, mode, nodes);
}

/** Return: 0, -EINVAL, -EFAULT. */
export function* sys_get_mempolicy(
  process: Process,
  policy: number,
  nmask: number,
  maxnode: number,
  addr: number,
  flags: number,
): Task<number> {
  const mm = process.ownMm;
  if (nmask !== 0 && maxnode < mm.kernel.nodes.count) return -EINVAL;
  const found = yield* do_get_mempolicy(mm, addr, flags);
  if (typeof found === 'number') return found;
  const value = new Uint8Array(4);
  putU32(value, 0, found.value);
  if (policy !== 0 && !(yield* copy_to_user(mm, policy, value))) return -EFAULT;
  const mask = encodeNodes(found.nodes).subarray(0, Math.min(Math.ceil((maxnode - 1) / 64) * 8, 128));
  return nmask === 0 || (yield* copy_to_user(mm, nmask, mask)) ? 0 : -EFAULT;
}

/** The address space of a process, 0 for one's own; null where there is none. */
const mm_of = (process: Process, pid: number): MmStruct | null =>
  pid === 0 ? process.ownMm : (process.services.process(pid)?.mm ?? null);

/** Return: pages that stay; -EINVAL, -EFAULT, -ESRCH. */
export function* sys_migrate_pages(
  process: Process,
  pid: number,
  maxnode: number,
  old_nodes: number,
  new_nodes: number,
): Task<number> {
  const from = yield* get_nodes(process.ownMm, old_nodes, maxnode);
  if (typeof from === 'number') return from;
  const to = yield* get_nodes(process.ownMm, new_nodes, maxnode);
  if (typeof to === 'number') return to;
  const mm = mm_of(process, pid);
  return mm === null ? -ESRCH : yield* do_migrate_pages(mm, from, to);
}

/** An array of 32-bit numbers in user memory. Return: or -EFAULT. */
function* get_ints(mm: MmStruct, addr: number, count: number): Task<number[] | number> {
  const bytes = yield* copy_from_user(mm, addr, count * 4);
  return bytes === null ? -EFAULT : Array.from({ length: count }, (_, n) => u32At(bytes, n * 4) | 0);
}

/** Return: 0; pages that have not moved; -EINVAL, -EFAULT, -ESRCH, -ENODEV, -EACCES, -E2BIG. */
export function* sys_move_pages(
  process: Process,
  pid: number,
  nr_pages: number,
  pages: number,
  nodes: number,
  status: number,
  flags: number,
): Task<number> {
  const own = process.ownMm;
  if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) return -EINVAL;
  const mm = mm_of(process, pid);
  if (mm === null) return -ESRCH;
  if (nr_pages > MAX_PAGES) return -E2BIG;
  const words = yield* copy_from_user(own, pages, nr_pages * 8);
  if (words === null) return -EFAULT;
  const addrs = Array.from({ length: nr_pages }, (_, n) => Number(exactU64At(words, n * 8)));
  const told = new Map<number, number>();
  let ret = 0;
  if (nodes === 0) {
    const found = yield* do_pages_stat(mm, addrs);
    for (const [n, nid] of found.entries()) told.set(n, nid);
  } else {
    const targets = yield* get_ints(own, nodes, nr_pages);
    if (typeof targets === 'number') return targets;
    ret = yield* do_pages_move(mm, addrs, targets, flags, told);
  }
  for (const [n, value] of told) {
    const word = new Uint8Array(4);
    putU32(word, 0, value);
    if (!(yield* copy_to_user(own, status + n * 4, word))) return -EFAULT;
  }
  return ret;
}

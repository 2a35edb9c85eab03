// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memcontrol.c, mm/memcontrol-v1.c: the limit of a cgroup is set, maybe below what it has. Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { EBUSY, EINTR } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import type { MemCgroup } from './memcontrol.js';
import { mem_cgroup_oom } from './memcontrol_charge.js';
import { MAX_RECLAIM_RETRIES } from './node_reclaim.js';
import { try_to_free_mem_cgroup_pages } from './vmscan.js';

/** memory.max: the limit holds from now on, and what is above it goes as far as it can. Context: may sleep. Return: 0. */
export function* memory_max_write(k: Kernel, memcg: MemCgroup, max: number): Task<number> {
  memcg.max = max;
  let nr_reclaims = MAX_RECLAIM_RETRIES;
  if (memcg.memory > max) k.memcgs!.drain_stock(memcg);
  while (memcg.memory > max && memcg.max === max && !k.signals.pending()) {
    if (nr_reclaims === 0) {
      if (!(yield* mem_cgroup_oom(k, memcg, 1))) break;
      continue;
    }
    const freed = yield* try_to_free_mem_cgroup_pages(k, memcg, memcg.memory - max);
    if (freed === 0) nr_reclaims--;
  }
  return 0;
}

/**
 * memory.limit_in_bytes: the limit is set when the cgroup has come below it. Context: may sleep. Return: 0, -EBUSY where
 * it cannot, -EINTR.
 */
export function* mem_cgroup_resize_max(k: Kernel, memcg: MemCgroup, max: number): Task<number> {
  if (memcg.memory > max) k.memcgs!.drain_stock(memcg);
  while (memcg.memory > max) {
    if (k.signals.pending()) return -EINTR;
    if ((yield* try_to_free_mem_cgroup_pages(k, memcg, 1)) === 0) return -EBUSY;
  }
  memcg.max = max;
  return 0;
}

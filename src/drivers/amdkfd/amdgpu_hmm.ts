// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c: what the CPU maps, as a GPU may use it. Fidelity: ported. */
import { HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE, type HmmRange, hmm_range_fault } from '../../mm/hmm.js';
import {
  type MmuIntervalNotifier,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
} from '../../mm/mmu_notifier.js';
import type { Task } from '../../sim/task.js';
import { EAGAIN, EBUSY } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

/** Bytes that one walk of the page table takes, where there are several. */
const MAX_WALK_BYTE = 2 ** 31;

/** Simulated ns that a walk is tried again for each 512 MiB (HMM_RANGE_DEFAULT_TIMEOUT), where it is. */
const RETRY_NS = 1e9;
const RETRY_BYTES = 2 ** 29;

/** Pages, and the sequence of the notifier by which they can be told to be still those. */
export interface HmmPages {
  readonly notifier: MmuIntervalNotifier;
  readonly notifier_seq: number;
  readonly hmm_pfns: Uint32Array;
}

/**
 * Fault `npages` pages in from `addr` on. `owner`: whose private pages may stay where they are.
 * Context: mmap_lock held; may sleep.
 * Return: the pages, which are valid until amdgpu_hmm_range_get_pages_done() says otherwise; -EAGAIN, -EFAULT, -EPERM.
 */
export function* amdgpu_hmm_range_get_pages(
  notifier: MmuIntervalNotifier,
  addr: number,
  npages: number,
  readonly: boolean,
  owner: object | null,
): Task<HmmPages | number> {
  const { executor, behaviour } = notifier.mm.kernel;
  const hmm_pfns = new Uint32Array(npages);
  const hmm_flags = new Uint16Array(npages);
  const end = addr + npages * PAGE_SIZE;
  const part = behaviour.amdgpuWalksByParts ? MAX_WALK_BYTE : end - addr;
  const notifier_seq = yield* mmu_interval_read_begin(notifier);
  const range: HmmRange = {
    notifier,
    notifier_seq,
    start: addr,
    end,
    hmm_pfns,
    hmm_flags,
    default_flags: HMM_PFN_REQ_FAULT | (readonly ? 0 : HMM_PFN_REQ_WRITE),
    dev_private_owner: owner,
  };
  for (let start = addr; start < end; start += part) {
    const first = (start - addr) / PAGE_SIZE;
    if (start > addr) {
      if (executor.shouldResched) yield* executor.cond_resched('amdgpu_hmm_range_get_pages');
      if (!behaviour.amdgpuReadsSequenceOnce) range.notifier_seq = yield* mmu_interval_read_begin(notifier);
    }
    const walk: HmmRange = {
      ...range,
      start,
      end: Math.min(start + part, end),
      hmm_pfns: hmm_pfns.subarray(first),
      hmm_flags: hmm_flags.subarray(first),
    };
    const r = yield* behaviour.amdgpuRetriesWalks ? walk_until_done(walk) : hmm_range_fault(walk);
    if (r !== 0) return r === -EBUSY ? -EAGAIN : r;
    range.notifier_seq = walk.notifier_seq;
  }
  return { notifier, notifier_seq: range.notifier_seq, hmm_pfns };
}

/** A walk that was invalidated is done again, by a sequence that is read anew or, where that is read once, is still the old one. */
function* walk_until_done(walk: HmmRange): Task<number> {
  const { notifier, start, end } = walk;
  const { kernel } = notifier.mm;
  const { executor } = kernel;
  const until = executor.now + Math.max(1, Math.floor((end - start) / RETRY_BYTES)) * RETRY_NS;
  for (let tries = 1; ; tries++) {
    const r = yield* hmm_range_fault(walk);
    if (r !== -EBUSY || executor.now > until) return r;
    if (kernel.tried_in_vain(tries)) yield* executor.yield('amdgpu_hmm_range_get_pages');
    if (!kernel.behaviour.amdgpuReadsSequenceOnce)
      walk.notifier_seq = yield* mmu_interval_read_begin(notifier);
  }
}

/** Under the lock that the notifier's callback takes: whether the pages are no longer those. */
export const amdgpu_hmm_range_get_pages_done = ({ notifier, notifier_seq }: HmmPages): boolean =>
  mmu_interval_read_retry(notifier, notifier_seq);

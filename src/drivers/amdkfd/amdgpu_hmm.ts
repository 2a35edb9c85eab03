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

/** Bytes that one walk of the page table takes. */
const MAX_WALK_BYTE = 2 ** 31;

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
  const hmm_pfns = new Uint32Array(npages);
  const hmm_flags = new Uint16Array(npages);
  const end = addr + npages * PAGE_SIZE;
  const range: Omit<HmmRange, 'hmm_pfns' | 'hmm_flags'> = {
    notifier,
    notifier_seq: yield* mmu_interval_read_begin(notifier),
    start: addr,
    end,
    default_flags: HMM_PFN_REQ_FAULT | (readonly ? 0 : HMM_PFN_REQ_WRITE),
    dev_private_owner: owner,
  };
  for (let start = addr; start < end; start += MAX_WALK_BYTE) {
    const first = (start - addr) / PAGE_SIZE;
    const r = yield* hmm_range_fault({
      ...range,
      start,
      end: Math.min(start + MAX_WALK_BYTE, end),
      hmm_pfns: hmm_pfns.subarray(first),
      hmm_flags: hmm_flags.subarray(first),
    });
    if (r !== 0) return r === -EBUSY ? -EAGAIN : r;
  }
  return { notifier, notifier_seq: range.notifier_seq, hmm_pfns };
}

/** Under the lock that the notifier's callback takes: whether the pages are no longer those. */
export const amdgpu_hmm_range_get_pages_done = ({ notifier, notifier_seq }: HmmPages): boolean =>
  mmu_interval_read_retry(notifier, notifier_seq);

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, snapshots of the CPU's page table. Fidelity: ported. */
import {
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_pfn_to_map_order,
  hmm_range_fault,
} from '../../mm/hmm.js';
import { is_device_coherent_page, is_device_private_page } from '../../mm/memremap.js';
import { mmput } from '../../mm/mmap.js';
import {
  MmuIntervalNotifier,
  type MmuIntervalNotifierOps,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
} from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_to_user } from '../../mm/uaccess.js';
import type { Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EBUSY, EFAULT, EINVAL } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL,
  HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE,
  HMM_DMIRROR_PROT_DEV_GENERIC,
  HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL,
  HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE,
  HMM_DMIRROR_PROT_ERROR,
  HMM_DMIRROR_PROT_NONE,
  HMM_DMIRROR_PROT_PMD,
  HMM_DMIRROR_PROT_READ,
  HMM_DMIRROR_PROT_WRITE,
  HMM_DMIRROR_PROT_ZERO,
} from '../../uapi/test_hmm_uapi.js';
import { dmirror_page_to_device } from './devmem.js';
import {
  COST_BATCH,
  type Dmirror,
  type DmirrorCmd,
  giveBatch,
  HMM_RANGE_DEFAULT_TIMEOUT_NS,
  takeBatch,
} from './dmirror.js';

const PMD_ORDER = 9;

/** Where a page is, seen from this device. */
function location(dmirror: Dmirror, page: Page): number {
  const { mdevice } = dmirror;
  const k = mdevice.module.kernel;
  if (is_device_private_page(k, page)) {
    return dmirror_page_to_device(k, page) === mdevice
      ? HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL
      : HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE;
  }
  if (is_device_coherent_page(k, page)) {
    if (!k.behaviour.coherentHasSides) return HMM_DMIRROR_PROT_DEV_GENERIC;
    return dmirror_page_to_device(k, page) === mdevice
      ? HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL
      : HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE;
  }
  return page === k.zeroPage ? HMM_DMIRROR_PROT_ZERO : HMM_DMIRROR_PROT_NONE;
}

/** The byte that describes one page. */
function dmirror_mkentry(dmirror: Dmirror, page: Page, flags: number): number {
  if ((flags & HMM_PFN_ERROR) !== 0) return HMM_DMIRROR_PROT_ERROR;
  if ((flags & HMM_PFN_VALID) === 0) return HMM_DMIRROR_PROT_NONE;
  let perm = location(dmirror, page);
  perm |= (flags & HMM_PFN_WRITE) !== 0 ? HMM_DMIRROR_PROT_WRITE : HMM_DMIRROR_PROT_READ;
  const { behaviour } = dmirror.mdevice.module.kernel;
  if (behaviour.snapshotReportsOrder && hmm_pfn_to_map_order(flags) === PMD_ORDER)
    perm |= HMM_DMIRROR_PROT_PMD;
  return perm;
}

/** Any invalidation makes the snapshot start again. */
const dmirror_mrn_ops: MmuIntervalNotifierOps = {
  *invalidate(mni, _range, curSeq) {
    const dmirror = mni.owner as Dmirror;
    yield* dmirror.mutex.mutex_lock('dmirror_snapshot_invalidate');
    mmu_interval_set_seq(mni, curSeq);
    dmirror.mutex.mutex_unlock();
    return true;
  },
};

/** Read one batch; the device's mutex is held when it returns 0. */
function* read_range(dmirror: Dmirror, range: HmmRange): Task<number> {
  const { executor } = dmirror.mdevice.module.kernel;
  const { mm } = dmirror.notifier;
  const deadline = executor.now + HMM_RANGE_DEFAULT_TIMEOUT_NS;
  for (;;) {
    if (executor.now > deadline) return -EBUSY;
    executor.charge(COST_BATCH);
    if (executor.shouldResched) yield* executor.cond_resched('dmirror_range_snapshot');
    range.notifier_seq = yield* mmu_interval_read_begin(range.notifier);
    if (!mm.mmap_lock.down_read_fast()) yield* mm.mmap_lock.down_read('dmirror_range_snapshot');
    const ret = yield* hmm_range_fault(range);
    mm.mmap_lock.up_read();
    if (ret === -EBUSY) continue;
    if (ret !== 0) return ret;
    yield* dmirror.mutex.mutex_lock('dmirror_range_snapshot');
    if (!mmu_interval_read_retry(range.notifier, range.notifier_seq)) return 0;
    dmirror.mutex.mutex_unlock();
  }
}

function* dmirror_range_snapshot(dmirror: Dmirror, range: HmmRange, perm: Uint8Array): Task<number> {
  const { mm } = dmirror.notifier;
  const err = mmu_interval_notifier_insert(
    range.notifier,
    mm,
    range.start,
    range.end - range.start,
    dmirror_mrn_ops,
  );
  if (err !== 0) return err;
  const ret = yield* read_range(dmirror, range);
  if (ret === 0) {
    const count = (range.end - range.start) / PAGE_SIZE;
    for (let n = 0; n < count; n++)
      perm[n] = dmirror_mkentry(dmirror, range.hmm_pfns[n]!, range.hmm_flags[n]!);
    if (mm.kernel.trace !== null) {
      for (let n = 0; n < count; n++) {
        const refused = (range.hmm_flags[n]! & HMM_PFN_ERROR) !== 0;
        const fn = 'dmirror_mkentry';
        const addr = range.start + n * PAGE_SIZE;
        const args = { perm: perm[n]! };
        mm.kernel.note({ event: 'device_entry', tracepoint: fn, fn, mm, addr, args, refused });
      }
    }
    dmirror.mutex.mutex_unlock();
  }
  yield* mmu_interval_notifier_remove(range.notifier);
  return ret;
}

/** HMM_DMIRROR_SNAPSHOT: one byte a page to the caller's buffer. Context: may sleep. */
export function* dmirror_snapshot(dmirror: Dmirror, caller: MmStruct, cmd: DmirrorCmd): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const { mm } = dmirror.notifier;
  if (!k.mmget_not_zero(mm)) return -EINVAL;
  const batch = takeBatch();
  const range: HmmRange = {
    notifier: new MmuIntervalNotifier(dmirror),
    notifier_seq: 0,
    start: 0,
    end: 0,
    hmm_pfns: batch.hmm_pfns,
    hmm_flags: batch.hmm_flags,
    default_flags: 0,
    dev_private_owner: dmirror.mdevice,
  };
  const { perm } = batch;
  const end = cmd.addr + cmd.size;
  let ret = 0;
  for (let addr = cmd.addr; addr < end && ret === 0; addr = range.end) {
    range.start = addr;
    range.end = Math.min(addr + k.behaviour.faultBatchPages * PAGE_SIZE, end);
    ret = yield* dmirror_range_snapshot(dmirror, range, perm);
    if (ret !== 0) break;
    const count = (range.end - range.start) / PAGE_SIZE;
    if (!(yield* copy_to_user(caller, cmd.ptr + cmd.cpages, perm.subarray(0, count)))) ret = -EFAULT;
    else cmd.cpages += count;
  }
  giveBatch(batch);
  yield* mmput(mm);
  return ret;
}

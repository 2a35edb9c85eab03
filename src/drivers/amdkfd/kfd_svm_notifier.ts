// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c: what the memory core tells of ranges, and the work that follows later:
 * queues that stop and go on, ranges that are split and removed. Fidelity: ported, without fault rings and queue buffers.
 */
import { mmput } from '../../mm/mmap.js';
import {
  type MmuIntervalNotifier,
  type MmuIntervalNotifierOps,
  type MmuNotifierEvent,
  type MmuNotifierRange,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
} from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import {
  KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED,
  KFD_QUEUE_EVICTION_TRIGGER_SVM,
  KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY,
  KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY_MIGRATE,
  KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { kfd_process_restore_queues, kgd2kfd_quiesce_mm } from './kfd_device_queue_manager.js';
import { type KfdProcess, kfd_lookup_process_by_mm, type SvmRange, type SvmWorkListOp } from './kfd_priv.js';
import { kfd_smi_event_queue_restore } from './kfd_smi_events.js';
import { svm_range_unmap_from_gpus, svm_range_validate_and_map } from './kfd_svm_map.js';
import { svm_range_add_to_svms, svm_range_free, svm_range_split, svm_range_unlink } from './kfd_svm_range.js';
import { interval_tree_insert, interval_tree_remove } from './kfd_svm_tree.js';

/** Simulated ns after which queues that were stopped look whether they may go on. */
const AMDGPU_SVM_RANGE_RESTORE_DELAY = 1_000_000;

// --- notifiers ------------------------------------------------------------------------------------------------

/** Context: mmap_lock held for write. */
export function svm_range_add_notifier_locked(mm: MmStruct, prange: SvmRange): void {
  const { start, npages, notifier } = prange;
  mmu_interval_notifier_insert(notifier, mm, start * PAGE_SIZE, npages * PAGE_SIZE, svm_range_mn_ops);
  prange.notified = true;
}

export function* svm_range_remove_notifier(prange: SvmRange): Task {
  if (!prange.notified) return;
  prange.notified = false;
  yield* mmu_interval_notifier_remove(prange.notifier);
}

/** The part of [start, last] that the range has; calls `act` with it. */
function within(prange: SvmRange, start: number, last: number, act: (s: number, l: number) => void): void {
  const s = Math.max(start, prange.start);
  const l = Math.min(last, prange.last);
  if (l >= s) act(s, l);
}

/** Pages [start, last] of the range are no longer what GPUs map. Context: the range's lock; may not sleep. */
function svm_range_evict(
  prange: SvmRange,
  mm: MmStruct,
  start: number,
  last: number,
  event: MmuNotifierEvent,
): void {
  const { process, child_list, flags } = prange;
  if (process.xnack_enabled && (flags & KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED) === 0) {
    const trigger =
      event === 'MMU_NOTIFY_MIGRATE'
        ? KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY_MIGRATE
        : KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY;
    for (const range of [...child_list, prange]) {
      within(range, start, last, (s, l) => svm_range_unmap_from_gpus(range, s, l, trigger));
    }
    return;
  }
  let mapped = prange.mapped_to_gpu;
  for (const pchild of child_list) {
    if (!pchild.mapped_to_gpu) continue;
    mapped = true;
    within(pchild, start, last, () => pchild.invalid++);
  }
  if (!mapped) return;
  within(prange, start, last, () => prange.invalid++);
  if (++process.svms.evicted_ranges !== 1) return;
  kgd2kfd_quiesce_mm(process.module, mm, KFD_QUEUE_EVICTION_TRIGGER_SVM);
  process.svms.restore_work.queue_delayed_work(AMDGPU_SVM_RANGE_RESTORE_DELAY);
}

function add_child(parent: SvmRange, child: SvmRange, op: SvmWorkListOp): void {
  child.op_mm = null;
  child.op = op;
  child.is_child = true;
  parent.child_list.push(child);
}

/** Cut [start, last] out of a range, or of one that was split off it before. */
function svm_range_unmap_split(parent: SvmRange, prange: SvmRange, start: number, last: number): void {
  if (prange.op === 'SVM_OP_UNMAP_RANGE') return;
  if (start > prange.last || last < prange.start) return;
  let head = prange;
  let tail = prange;
  const split = (range: SvmRange, s: number, l: number, none: SvmRange): SvmRange => {
    const part = svm_range_split(range, s, l);
    return typeof part === 'number' ? none : part;
  };
  if (start > prange.start) tail = split(prange, prange.start, start - 1, prange);
  if (last < tail.last) head = split(tail, last + 1, tail.last, prange);
  if (head !== prange && tail !== prange) {
    add_child(parent, head, 'SVM_OP_UNMAP_RANGE');
    add_child(parent, tail, 'SVM_OP_ADD_RANGE');
  } else if (tail !== prange) add_child(parent, tail, 'SVM_OP_UNMAP_RANGE');
  else if (head !== prange) add_child(parent, head, 'SVM_OP_UNMAP_RANGE');
  else if (parent !== prange) prange.op = 'SVM_OP_UNMAP_RANGE';
}

/** Pages [start, last] are unmapped for good. Context: the range's lock; may not sleep. */
function svm_range_unmap_from_cpu(prange: SvmRange, mm: MmStruct, start: number, last: number): void {
  const p = kfd_lookup_process_by_mm(prange.process.module, mm);
  if (p === null) return;
  const whole = start <= prange.start && last >= prange.last;
  for (const range of [...prange.child_list, prange]) {
    within(range, start, last, (s, l) =>
      svm_range_unmap_from_gpus(range, s, l, KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU),
    );
    svm_range_unmap_split(prange, range, start, last);
  }
  svm_range_add_list_work(prange, mm, whole ? 'SVM_OP_UNMAP_RANGE' : 'SVM_OP_UPDATE_RANGE_NOTIFIER');
  if (p.svms.deferred_range_list.length > 0) p.svms.deferred_list_work.schedule_work();
}

function* svm_range_cpu_invalidate_pagetables(
  mni: MmuIntervalNotifier,
  range: MmuNotifierRange,
  cur_seq: number,
): Task<boolean> {
  const prange = mni.owner as SvmRange;
  const start = Math.floor(Math.max(mni.start, range.start) / PAGE_SIZE);
  const last = Math.floor(Math.min(mni.last, range.end - 1) / PAGE_SIZE);
  yield* prange.lock.mutex_lock('svm_range_cpu_invalidate_pagetables');
  mmu_interval_set_seq(mni, cur_seq);
  if (range.event === 'MMU_NOTIFY_UNMAP') svm_range_unmap_from_cpu(prange, mni.mm, start, last);
  else svm_range_evict(prange, mni.mm, start, last, range.event);
  prange.lock.mutex_unlock();
  return true;
}

const svm_range_mn_ops: MmuIntervalNotifierOps = { invalidate: svm_range_cpu_invalidate_pagetables };

// --- what is done later -----------------------------------------------------------------------------------------

function svm_range_add_list_work(prange: SvmRange, mm: MmStruct, op: SvmWorkListOp): void {
  if (prange.deferred) {
    if (prange.op !== 'SVM_OP_UNMAP_RANGE') prange.op = op;
    return;
  }
  // Where the process is exiting nothing is to be kept up.
  if (!mm.kernel.mmget_not_zero(mm)) return;
  prange.op_mm = mm;
  prange.op = op;
  prange.deferred = true;
  prange.process.svms.deferred_range_list.push(prange);
}

function* svm_range_update_notifier_and_interval_tree(mm: MmStruct, prange: SvmRange): Task {
  const { notifier } = prange;
  const same =
    prange.notified &&
    notifier.start === prange.start * PAGE_SIZE &&
    notifier.last === (prange.last + 1) * PAGE_SIZE - 1;
  if (same) return;
  const { svms } = prange.process;
  interval_tree_remove(svms, prange);
  yield* svm_range_remove_notifier(prange);
  interval_tree_insert(svms, prange);
  svm_range_add_notifier_locked(mm, prange);
}

function* svm_range_handle_list_op(prange: SvmRange, mm: MmStruct): Task {
  switch (prange.op) {
    case 'SVM_OP_NULL':
      return;
    case 'SVM_OP_UNMAP_RANGE':
      svm_range_unlink(prange);
      yield* svm_range_remove_notifier(prange);
      yield* svm_range_free(prange, true);
      return;
    case 'SVM_OP_UPDATE_RANGE_NOTIFIER':
      yield* svm_range_update_notifier_and_interval_tree(mm, prange);
      return;
    case 'SVM_OP_ADD_RANGE':
      svm_range_add_to_svms(prange);
      svm_range_add_notifier_locked(mm, prange);
  }
}

/** Work: make the ranges what munmap() left of them. */
export function* svm_range_deferred_list_work({ svms }: KfdProcess): Task {
  const where = 'svm_range_deferred_list_work';
  for (let prange = svms.deferred_range_list[0]; prange !== undefined; prange = svms.deferred_range_list[0]) {
    const mm = prange.op_mm!;
    yield* mm.mmap_lock.down_write(where);
    svms.deferred_range_list.splice(svms.deferred_range_list.indexOf(prange), 1);
    prange.deferred = false;
    yield* svms.lock.mutex_lock(where);
    yield* prange.migrate_mutex.mutex_lock(where);
    for (let pchild = prange.child_list.shift(); pchild !== undefined; pchild = prange.child_list.shift()) {
      pchild.is_child = false;
      yield* svm_range_handle_list_op(pchild, mm);
    }
    prange.migrate_mutex.mutex_unlock();
    yield* svm_range_handle_list_op(prange, mm);
    svms.lock.mutex_unlock();
    mm.mmap_lock.up_write();
    yield* mmput(mm);
  }
}

/** The mmap_lock, taken for write when nothing that munmap() left is still to be done. */
export function* svm_range_list_lock_and_flush_work({ svms }: KfdProcess, mm: MmStruct): Task {
  for (;;) {
    yield* svms.deferred_list_work.flush_work();
    yield* mm.mmap_lock.down_write('svm_range_list_lock_and_flush_work');
    if (svms.deferred_range_list.length === 0) return;
    mm.mmap_lock.up_write();
  }
}

/** Map again what was invalidated. Return: whether all of it is mapped now. */
function* restore_ranges(p: KfdProcess, mm: MmStruct): Task<boolean> {
  const { svms } = p;
  const evicted = svms.evicted_ranges;
  for (const prange of svms.list) {
    const { invalid } = prange;
    if (invalid === 0) continue;
    yield* prange.migrate_mutex.mutex_lock('svm_range_restore_work');
    const r = yield* svm_range_validate_and_map(mm, prange.start, prange.last, prange, -1);
    prange.migrate_mutex.mutex_unlock();
    if (r !== 0 || prange.invalid !== invalid) return false;
    prange.invalid = 0;
  }
  if (svms.evicted_ranges !== evicted) return false;
  svms.evicted_ranges = 0;
  return true;
}

/** Work: map what was invalidated, then let the queues go on. */
export function* svm_range_restore_work(p: KfdProcess): Task {
  const { svms, mm, process_info } = p;
  if (svms.evicted_ranges === 0) return;
  if (mm === null || process_info === null || !mm.kernel.mmget_not_zero(mm)) return;
  yield* process_info.lock.mutex_lock('svm_range_restore_work');
  yield* svm_range_list_lock_and_flush_work(p, mm);
  yield* svms.lock.mutex_lock('svm_range_restore_work');
  const restored = yield* restore_ranges(p, mm);
  if (restored) kfd_process_restore_queues(p);
  svms.lock.mutex_unlock();
  mm.mmap_lock.up_write();
  process_info.lock.mutex_unlock();
  if (!restored) {
    svms.restore_work.queue_delayed_work(AMDGPU_SVM_RANGE_RESTORE_DELAY);
    for (const { dev } of p.pdds) kfd_smi_event_queue_restore(dev, p.lead_pid, true);
  }
  yield* mmput(mm);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_hmm.c and amdgpu_ttm.c: memory of user pointers that is invalidated, and
 * the work that finds its pages again. Fidelity: ported, without reservations.
 */
import { mmput } from '../../mm/mmap.js';
import {
  type MmuIntervalNotifier,
  type MmuIntervalNotifierOps,
  type MmuNotifierRange,
  mmu_interval_set_seq,
} from '../../mm/mmu_notifier.js';
import type { Task } from '../../sim/task.js';
import { EAGAIN, EFAULT, EINVAL, ESRCH } from '../../uapi/errno.js';
import { KFD_QUEUE_EVICTION_TRIGGER_USERPTR } from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { amdgpu_hmm_range_get_pages, amdgpu_hmm_range_get_pages_done, type HmmPages } from './amdgpu_hmm.js';
import { type AmdgpuVm, DmaAddr } from './amdgpu_vm.js';
import { kfd_process_restore_queues, kgd2kfd_quiesce_mm } from './kfd_device_queue_manager.js';
import type { AmdkfdProcessInfo, KfdProcess, KgdMem } from './kfd_priv.js';
import { kfd_smi_event_queue_restore } from './kfd_smi_events.js';
import { tell_mapped } from './kfd_svm_map.js';

/** Simulated ns after which queues that were stopped look whether they may go on. */
const AMDGPU_USERPTR_RESTORE_DELAY = 1_000_000;

// --- pages ----------------------------------------------------------------------------------------------------

/**
 * The pages behind a user pointer. Context: may sleep.
 * Return: the pages; -EFAULT where nothing is mapped, -EPERM where it may not be written, -EAGAIN, -ESRCH when the process exits.
 */
export function* amdgpu_ttm_tt_get_user_pages(mem: KgdMem): Task<HmmPages | number> {
  const { notifier, userptr, npages } = mem;
  const { mm } = notifier;
  if (!mm.kernel.mmget_not_zero(mm)) return -ESRCH;
  yield* mm.mmap_lock.down_read('amdgpu_ttm_tt_get_user_pages');
  const pages =
    mm.vmas.vma_lookup(userptr) === null
      ? -EFAULT
      : yield* amdgpu_hmm_range_get_pages(notifier, userptr, npages, false, null);
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  return pages;
}

/** These are the buffer's pages. */
export function amdgpu_ttm_tt_set_user_pages(mem: KgdMem, { hmm_pfns }: HmmPages): void {
  mem.pages ??= new DmaAddr(mem.npages);
  mem.pages.set(hmm_pfns, 0);
}

/** The page table has the buffer's pages, or, where GPUs may not have them, nothing. */
export function update_gpuvm_pte(mem: KgdMem, vm: AmdgpuVm): void {
  const { va, npages, pages, bound, writable, process } = mem;
  const [start, last] = [va / PAGE_SIZE, va / PAGE_SIZE + npages - 1];
  if (pages === null || !bound) {
    vm.unmap(start, last);
    return;
  }
  vm.map(start, last, pages, 0, writable);
  const { mm, module, pdds } = process;
  if (mm === null || module.kernel.trace === null) return;
  const gpuidx = pdds.findIndex((pdd) => pdd.vm === vm);
  tell_mapped('update_gpuvm_pte', mm, gpuidx, start, npages);
}

// --- invalidation ---------------------------------------------------------------------------------------------

/** The pages are no longer those: the first buffer that this happens to stops the queues. */
function* amdgpu_amdkfd_evict_userptr(mni: MmuIntervalNotifier, cur_seq: number, mem: KgdMem): Task {
  const { module, process_info } = mem.process;
  const info = process_info!;
  yield* info.notifier_lock.mutex_lock('amdgpu_amdkfd_evict_userptr');
  mmu_interval_set_seq(mni, cur_seq);
  mem.invalid++;
  if (++info.evicted_bos === 1) {
    kgd2kfd_quiesce_mm(module, mni.mm, KFD_QUEUE_EVICTION_TRIGGER_USERPTR);
    info.restore_userptr_work.queue_delayed_work(AMDGPU_USERPTR_RESTORE_DELAY);
  }
  info.notifier_lock.mutex_unlock();
}

function* amdgpu_hmm_invalidate_hsa(
  mni: MmuIntervalNotifier,
  _range: MmuNotifierRange,
  cur_seq: number,
): Task<boolean> {
  yield* amdgpu_amdkfd_evict_userptr(mni, cur_seq, mni.owner as KgdMem);
  return true;
}

export const amdgpu_hmm_hsa_ops: MmuIntervalNotifierOps = { invalidate: amdgpu_hmm_invalidate_hsa };

// --- what is done later -----------------------------------------------------------------------------------------

function move_tail(mem: KgdMem, from: KgdMem[], to: KgdMem[]): void {
  from.splice(from.indexOf(mem), 1);
  to.push(mem);
}

/** Find the pages of one buffer. Context: no lock but the process's; may sleep. Return: 0, -EAGAIN, -EPERM, -ESRCH. */
function* update_user_pages(mem: KgdMem): Task<number> {
  mem.bound = false;
  const pages = yield* amdgpu_ttm_tt_get_user_pages(mem);
  if (typeof pages !== 'number') {
    mem.range = pages;
    amdgpu_ttm_tt_set_user_pages(mem, pages);
    return 0;
  }
  // Where nothing is mapped any more, the GPU faults when it comes by; that is better than queues that stand for ever.
  if (pages !== -EFAULT) return pages;
  const { amdkfdForgetsUserPages } = mem.process.module.kernel.behaviour;
  if (amdkfdForgetsUserPages) mem.pages = null;
  return 0;
}

/** Find the pages of all buffers that were invalidated. Return: 0, -EAGAIN where one was invalidated again, and as update_user_pages(). */
function* update_invalid_user_pages(info: AmdkfdProcessInfo): Task<number> {
  const where = 'update_invalid_user_pages';
  const { notifier_lock, userptr_valid_list, userptr_inval_list } = info;
  yield* notifier_lock.mutex_lock(where);
  let ret = 0;
  for (const mem of userptr_valid_list.filter(({ invalid }) => invalid !== 0)) {
    move_tail(mem, userptr_valid_list, userptr_inval_list);
  }
  for (const mem of userptr_inval_list) {
    const { invalid } = mem;
    if (invalid === 0) continue;
    mem.range = null;
    notifier_lock.mutex_unlock();
    ret = yield* update_user_pages(mem);
    if (ret !== 0) return ret;
    yield* notifier_lock.mutex_lock(where);
    if (mem.invalid !== invalid) {
      ret = -EAGAIN;
      break;
    }
    if (mem.range !== null) mem.invalid = 0;
  }
  notifier_lock.mutex_unlock();
  return ret;
}

/** GPUs map the pages that were found, and nothing of buffers that have none. */
function validate_invalid_user_pages({ userptr_inval_list }: AmdkfdProcessInfo): void {
  for (const mem of userptr_inval_list) {
    if (mem.pages !== null) mem.bound = true;
    for (const { vm, is_mapped } of mem.attachments) if (is_mapped) update_gpuvm_pte(mem, vm);
  }
}

/** Whether the pages are still those. Those that are no longer stay on the list. Context: notifier_lock. Return: 0 or -EAGAIN. */
function confirm_valid_user_pages_locked(
  { userptr_valid_list, userptr_inval_list }: AmdkfdProcessInfo,
  warn: (message: string) => void,
): number {
  let ret = 0;
  for (const mem of userptr_inval_list.filter(({ range }) => range !== null)) {
    const valid = !amdgpu_hmm_range_get_pages_done(mem.range!);
    mem.range = null;
    if (valid && mem.invalid === 0) {
      move_tail(mem, userptr_inval_list, userptr_valid_list);
      continue;
    }
    if (valid) warn('Valid BO is marked invalid');
    else if (mem.invalid === 0) warn('Invalid BO not marked invalid');
    ret = -EAGAIN;
  }
  return ret;
}

/** Context: the process's lock. Return: 0, and the queues go on; -errno, and it is to be tried again. */
function* restore_userptr(p: KfdProcess, info: AmdkfdProcessInfo, evicted_bos: number): Task<number> {
  const where = 'amdgpu_amdkfd_restore_userptr_worker';
  const { kernel } = p.module;
  let ret = yield* update_invalid_user_pages(info);
  if (ret !== 0) return ret;
  validate_invalid_user_pages(info);
  yield* info.notifier_lock.mutex_lock(where);
  const warn = (message: string): void => kernel.warn('confirm_valid_user_pages_locked', message);
  if (info.evicted_bos !== evicted_bos) ret = -EAGAIN;
  else if (confirm_valid_user_pages_locked(info, warn) !== 0) {
    kernel.warn(where, 'User pages unexpectedly invalid');
    ret = -EINVAL;
  } else {
    info.evicted_bos = 0;
    kfd_process_restore_queues(p);
  }
  info.notifier_lock.mutex_unlock();
  return ret;
}

/** Work: find the pages that were invalidated, then let the queues go on. */
export function* amdgpu_amdkfd_restore_userptr_worker(p: KfdProcess): Task {
  const where = 'amdgpu_amdkfd_restore_userptr_worker';
  const { mm } = p;
  const info = p.process_info!;
  const { evicted_bos } = info;
  if (evicted_bos === 0 || mm === null || !mm.kernel.mmget_not_zero(mm)) return;
  yield* info.lock.mutex_lock(where);
  const ret = yield* restore_userptr(p, info, evicted_bos);
  info.lock.mutex_unlock();
  if (ret !== 0) {
    info.restore_userptr_work.queue_delayed_work(AMDGPU_USERPTR_RESTORE_DELAY);
    for (const { dev } of p.pdds) kfd_smi_event_queue_restore(dev, p.lead_pid, true);
  }
  yield* mmput(mm);
}

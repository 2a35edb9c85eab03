// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c, struct svm_range_bo: VRAM of ranges, its references and its eviction.
 * Fidelity: ported; the buffer object is what the VRAM manager gives, and the eviction fence one bit.
 */
import { Work } from '../../kernel/workqueue.js';
import { mmput } from '../../mm/mmap.js';
import type { MmStruct } from '../../mm/types.js';
import { WaitQueue } from '../../sim/executor.js';
import type { Task } from '../../sim/task.js';
import { ENOMEM, ESRCH } from '../../uapi/errno.js';
import { KFD_MIGRATE_TRIGGER_TTM_EVICTION } from '../../uapi/kfd_ioctl.js';
import type { VramBlock } from './amdgpu_vram_mgr.js';
import { svm_migrate_vram_to_ram } from './kfd_migrate.js';
import { type KfdNode, type SvmRange, type SvmRangeBo, vram_page } from './kfd_priv.js';

function unlist(list: unknown[], one: unknown): void {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
}

/** The range is no longer one of those that share the buffer. */
export function svm_bo_list_del(prange: SvmRange): void {
  if (prange.svm_bo !== null) unlist(prange.svm_bo.range_list, prange);
}

/** A part of a range has the buffer, too. */
export function svm_bo_share(prange: SvmRange, from: SvmRange): void {
  const { svm_bo } = from;
  if (svm_bo === null) return;
  svm_bo.kref++;
  prange.svm_bo = svm_bo;
  prange.ttm_res = from.ttm_res;
  svm_bo.range_list.unshift(prange);
}

// --- references ---------------------------------------------------------------------------------------------

function* svm_range_bo_release(svm_bo: SvmRangeBo): Task {
  const { kernel, svm_bos, freeBoIds } = svm_bo.node.module;
  for (let prange = svm_bo.range_list.shift(); prange !== undefined; prange = svm_bo.range_list.shift()) {
    yield* prange.lock.mutex_lock('svm_range_bo_release');
    prange.svm_bo = null;
    if (prange.actual_loc !== 0)
      kernel.warn_on_once('svm_range_bo_release', 'prange should not hold vram page');
    prange.lock.mutex_unlock();
  }
  dma_fence_signal(svm_bo);
  kernel.mmdrop(svm_bo.mm);
  const { vram } = svm_bo.node;
  unlist(vram.lru, svm_bo);
  vram.give(svm_bo.blocks);
  svm_bos[svm_bo.id] = null;
  freeBoIds.push(svm_bo.id);
}

function dma_fence_signal(svm_bo: SvmRangeBo): void {
  if (svm_bo.signaled) return;
  svm_bo.signaled = true;
  svm_bo.fence.wakeAll(svm_bo.node.module.kernel.executor);
}

function* dma_fence_wait(svm_bo: SvmRangeBo): Task {
  const { executor } = svm_bo.node.module.kernel;
  while (!svm_bo.signaled) yield* svm_bo.fence.sleep(executor, 'dma_fence_wait');
}

/** ttm_bo_wait_ctx(): no buffer is waited for any longer, in simulated ns. */
const BO_WAIT = 15e9;

/** Return: false where it was not signaled in time. */
function* ttm_bo_wait_ctx(svm_bo: SvmRangeBo): Task<boolean> {
  const { executor } = svm_bo.node.module.kernel;
  const until = executor.now + BO_WAIT;
  if (!svm_bo.signaled) executor.addTimer(until, () => svm_bo.fence.wakeAll(executor));
  while (!svm_bo.signaled && executor.now < until) yield* svm_bo.fence.sleep(executor, 'ttm_bo_wait_ctx');
  return svm_bo.signaled;
}

/** A page of it is free. Context: may not sleep. */
export function svm_range_bo_unref_async(svm_bo: SvmRangeBo): void {
  if (--svm_bo.kref === 0) svm_bo.release_work.schedule_work();
}

function* svm_range_bo_unref(svm_bo: SvmRangeBo): Task {
  if (--svm_bo.kref === 0) yield* svm_range_bo_release(svm_bo);
}

function svm_bo_ref_unless_zero(svm_bo: SvmRangeBo): boolean {
  if (svm_bo.kref === 0) return false;
  svm_bo.kref++;
  return true;
}

/** The range lets go of its VRAM. Context: may sleep. */
export function* svm_range_vram_node_free(prange: SvmRange): Task {
  yield* prange.lock.mutex_lock('svm_range_vram_node_free');
  const { svm_bo, ttm_res } = prange;
  prange.ttm_res = false;
  prange.lock.mutex_unlock();
  if (ttm_res && svm_bo !== null) yield* svm_range_bo_unref(svm_bo);
}

// --- allocation -----------------------------------------------------------------------------------------------

/** Whether the range has VRAM of this GPU that it may go on to use. */
function* svm_range_validate_svm_bo(node: KfdNode, prange: SvmRange): Task<boolean> {
  const { executor } = node.module.kernel;
  const { svm_bo } = prange;
  if (svm_bo === null) return false;
  if (prange.ttm_res) return true;
  if (svm_bo_ref_unless_zero(svm_bo)) {
    if (svm_bo.node !== node) {
      unlist(svm_bo.range_list, prange);
      yield* svm_range_bo_unref(svm_bo);
      return false;
    }
    if (!svm_bo.evicting) {
      prange.ttm_res = true;
      return true;
    }
    yield* svm_range_bo_unref(svm_bo);
    yield* dma_fence_wait(svm_bo);
  }
  // Whoever drops the last reference takes the buffer from the range.
  while (prange.svm_bo !== null) yield* executor.yield('svm_range_validate_svm_bo');
  return false;
}

/** VRAM, once older buffers are out of the way. Return: its blocks, -ENOMEM when none of them goes. */
function* amdgpu_bo_create(node: KfdNode, pages: number): Task<readonly VramBlock[] | number> {
  const { vram } = node;
  const waited = new Set<SvmRangeBo>();
  for (;;) {
    const blocks = vram.alloc(pages);
    if (blocks !== null) return blocks;
    const victim = vram.lru.find((bo) => !waited.has(bo));
    if (victim === undefined) return -ENOMEM;
    waited.add(victim);
    if (!victim.evicting) svm_range_schedule_evict_svm_bo(victim);
    if (!(yield* ttm_bo_wait_ctx(victim))) continue;
    yield* victim.release_work.flush_work();
  }
}

/** Give the range VRAM of a GPU, cleared. Context: may sleep. Return: 0, -ENOMEM, -ESRCH. */
export function* svm_range_vram_node_new(node: KfdNode, prange: SvmRange): Task<number> {
  if (yield* svm_range_validate_svm_bo(node, prange)) return 0;
  const { vram } = node;
  const { kernel } = node.module;
  const { mm } = prange.process;
  if (mm === null || !kernel.mmget_not_zero(mm)) return -ESRCH;
  const blocks = yield* amdgpu_bo_create(node, prange.npages);
  if (typeof blocks !== 'number') {
    mm.mm_count++;
    const svm_bo = new_svm_bo(node, mm, blocks);
    for (const { start, pages } of blocks) {
      const first = vram_page(node, start);
      kernel.mem.touch(first, pages);
      for (let page = first; page < first + pages; page++) kernel.contents.clear_page(page);
    }
    vram.lru.push(svm_bo);
    prange.svm_bo = svm_bo;
    prange.ttm_res = true;
    prange.offset = 0;
    svm_bo.range_list.unshift(prange);
  }
  yield* mmput(mm);
  return typeof blocks === 'number' ? blocks : 0;
}

function new_svm_bo(node: KfdNode, mm: MmStruct, blocks: readonly VramBlock[]): SvmRangeBo {
  const { svm_bos, freeBoIds, kernel } = node.module;
  const id = freeBoIds.pop() ?? svm_bos.length;
  const svm_bo = {
    id,
    node,
    mm,
    blocks,
    kref: 1,
    range_list: [],
    evicting: false,
    signaled: false,
    fence: new WaitQueue(),
  } as unknown as { -readonly [K in keyof SvmRangeBo]: SvmRangeBo[K] };
  const { executor } = kernel;
  svm_bo.eviction_work = new Work(
    executor,
    'svm_range_evict_svm_bo_worker',
    svm_range_evict_svm_bo_worker,
    svm_bo,
  );
  svm_bo.release_work = new Work(executor, 'svm_range_bo_wq_release', svm_range_bo_release, svm_bo);
  svm_bos[id] = svm_bo;
  return svm_bo;
}

// --- eviction ---------------------------------------------------------------------------------------------------

/** Context: may not sleep. */
function svm_range_schedule_evict_svm_bo(svm_bo: SvmRangeBo): void {
  if (!svm_bo_ref_unless_zero(svm_bo)) return;
  svm_bo.evicting = true;
  svm_bo.eviction_work.schedule_work();
}

/** How often what did not migrate is tried again. */
const RETRIES = 3;

/** Bring all that the buffer holds home. */
function* svm_range_evict_svm_bo_worker(svm_bo: SvmRangeBo): Task {
  const { mm } = svm_bo;
  const { kernel } = svm_bo.node.module;
  if (!kernel.mmget_not_zero(mm)) {
    yield* svm_range_bo_unref(svm_bo);
    return;
  }
  yield* mm.mmap_lock.down_read('svm_range_evict_svm_bo_worker');
  let r = 0;
  while (svm_bo.range_list.length > 0 && r === 0) {
    const prange = svm_bo.range_list.shift()!;
    yield* prange.migrate_mutex.mutex_lock('svm_range_evict_svm_bo_worker');
    let retries = RETRIES;
    do {
      r = yield* svm_migrate_vram_to_ram(
        prange,
        mm,
        prange.start,
        prange.last,
        KFD_MIGRATE_TRIGGER_TTM_EVICTION,
      );
    } while (r === 0 && prange.actual_loc !== 0 && --retries > 0);
    if (prange.actual_loc === 0) {
      yield* prange.lock.mutex_lock('svm_range_evict_svm_bo_worker');
      prange.svm_bo = null;
      prange.lock.mutex_unlock();
    }
    prange.migrate_mutex.mutex_unlock();
  }
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  dma_fence_signal(svm_bo);
  yield* svm_range_bo_unref(svm_bo);
}

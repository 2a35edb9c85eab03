// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/nouveau/nouveau_svm.c: what a client binds, what the CPU invalidates, and faults of the
 * GPU. Fidelity: ported; faults are handled in the task whose access raised them, and nothing is unmanaged.
 */
import {
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_pfn_to_map_order,
  hmm_range_fault,
} from '../../mm/hmm.js';
import { mmput } from '../../mm/mmap.js';
import {
  MmuIntervalNotifier,
  type MmuNotifierRange,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  mmu_notifier_register,
  mmu_notifier_unregister,
} from '../../mm/mmu_notifier.js';
import { put_page } from '../../mm/page_alloc.js';
import { compound_head } from '../../mm/page_flags.js';
import { make_device_exclusive, make_device_exclusive_range } from '../../mm/rmap_exclusive.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { done, type Task } from '../../sim/task.js';
import { EBUSY, EINVAL } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { nouveau_dmem_migrate_vma } from './nouveau_dmem.js';
import { type NouveauDrm, NouveauSvmm } from './nouveau_drm.js';
import { FAULT_ACCESS_ATOMIC, FAULT_ACCESS_PREFETCH, FAULT_ACCESS_READ } from './nouveau_vmm.js';

const HMM_RANGE_DEFAULT_TIMEOUT_NS = 1_000_000_000;

// --- clients --------------------------------------------------------------------------------------------------

/** The client's address space becomes the GPU's, too. */
export function nouveau_svmm_init(drm: NouveauDrm, mm: MmStruct): NouveauSvmm {
  const svmm = new NouveauSvmm(drm, mm, drm.clients.length);
  svmm.notifier = { invalidate_range_start: (range) => invalidate_range_start(svmm, range) };
  mmu_notifier_register(svmm.notifier, mm);
  drm.clients.push(svmm);
  return svmm;
}

/** The client closes its file. Context: may sleep. */
export function* nouveau_svmm_fini(svmm: NouveauSvmm): Task {
  yield* svmm.mutex.mutex_lock('nouveau_svmm_fini');
  svmm.vmm = null;
  svmm.mutex.mutex_unlock();
  mmu_notifier_unregister(svmm.notifier, svmm.mm);
}

/** nouveau_svmm_invalidate_range_start(): the GPU forgets the range; its own migrations see to that themselves. */
function* invalidate_range_start(svmm: NouveauSvmm, range: MmuNotifierRange): Task {
  yield* svmm.mutex.mutex_lock('nouveau_svmm_invalidate_range_start');
  const own = range.event === 'MMU_NOTIFY_MIGRATE' && range.owner === svmm.drm;
  if (!own) svmm.vmm?.pfnclr(range.start, range.end);
  svmm.mutex.mutex_unlock();
}

/** nouveau_svmm_bind(): the range goes to the GPU, as far as it can. Context: may sleep. */
export function* nouveau_svmm_bind(svmm: NouveauSvmm, start: number, end: number): Task {
  const { mm } = svmm;
  yield* mm.mmap_lock.down_read('nouveau_svmm_bind');
  for (let addr = start; addr < end; ) {
    const vma = mm.vmas.find_vma(addr);
    if (vma === null || vma.vm_start >= end) break;
    addr = Math.max(addr, vma.vm_start);
    const next = Math.min(vma.vm_end, end);
    yield* nouveau_dmem_migrate_vma(svmm, vma, addr, next);
    addr = next;
  }
  mm.mmap_lock.up_read();
}

// --- faults of the GPU ----------------------------------------------------------------------------------------

/** nouveau_svm_range_invalidate(). */
function range_invalidate(
  svmm: NouveauSvmm,
  mni: MmuIntervalNotifier,
  range: MmuNotifierRange,
  seq: number,
): Task<boolean> {
  if (range.event === 'MMU_NOTIFY_EXCLUSIVE' && range.owner === svmm.drm) return done(true);
  return set_seq_locked(svmm, mni, seq);
}

function* set_seq_locked(svmm: NouveauSvmm, mni: MmuIntervalNotifier, seq: number): Task<boolean> {
  yield* svmm.mutex.mutex_lock('nouveau_svm_range_invalidate');
  mmu_interval_set_seq(mni, seq);
  svmm.mutex.mutex_unlock();
  return true;
}

/** Handle one fault with a notifier of its page. Context: may sleep. Return: 0 or -errno. */
function* with_notifier(
  svmm: NouveauSvmm,
  addr: number,
  handle: (mni: MmuIntervalNotifier, deadline: number) => Task<number>,
): Task<number> {
  const mni = new MmuIntervalNotifier(svmm);
  const ops = {
    invalidate: (_: MmuIntervalNotifier, range: MmuNotifierRange, seq: number) =>
      range_invalidate(svmm, mni, range, seq),
  };
  const err = mmu_interval_notifier_insert(mni, svmm.mm, addr, PAGE_SIZE, ops);
  if (err !== 0) return err;
  const ret = yield* handle(mni, svmm.mm.kernel.executor.now + HMM_RANGE_DEFAULT_TIMEOUT_NS);
  yield* mmu_interval_notifier_remove(mni);
  return ret;
}

/** The page at `addr`, the GPU's alone, locked and with a reference; NO_PAGE where it cannot be. Context: mmap_lock held. */
function* exclusive_page(svmm: NouveauSvmm, addr: number): Task<Page> {
  const { mm, drm } = svmm;
  if (mm.kernel.behaviour.exclusivePageErrors) {
    const page = yield* make_device_exclusive(mm, addr, drm);
    return page < 0 ? NO_PAGE : page;
  }
  const pages = new Uint32Array(1);
  const got = yield* make_device_exclusive_range(mm, addr, addr + PAGE_SIZE, pages, drm);
  return got > 0 ? pages[0]! : NO_PAGE;
}

function* nouveau_atomic_range_fault(
  svmm: NouveauSvmm,
  addr: number,
  mni: MmuIntervalNotifier,
  deadline: number,
): Task<number> {
  const { mm } = svmm;
  const k = mm.kernel;
  for (let tries = 1; ; k.tried_in_vain(tries++)) {
    if (k.executor.now > deadline) return -EBUSY;
    const seq = yield* mmu_interval_read_begin(mni);
    yield* mm.mmap_lock.down_read('nouveau_atomic_range_fault');
    const page = yield* exclusive_page(svmm, addr);
    mm.mmap_lock.up_read();
    if (page === NO_PAGE) return -EINVAL;
    yield* svmm.mutex.mutex_lock('nouveau_atomic_range_fault');
    const collided = mmu_interval_read_retry(mni, seq);
    if (!collided) svmm.vmm?.pfnmap(addr, { page, write: true, atomic: true });
    svmm.mutex.mutex_unlock();
    if (!collided || k.behaviour.nouveauUnlocksToRetry) {
      k.unlock_page(compound_head(k.mem, page));
      put_page(k, page);
    }
    if (!collided) return 0;
  }
}

function* nouveau_range_fault(
  svmm: NouveauSvmm,
  hmm_flags: number,
  mni: MmuIntervalNotifier,
  deadline: number,
): Task<number> {
  const { mm, drm } = svmm;
  const k = mm.kernel;
  const range: HmmRange = {
    notifier: mni,
    notifier_seq: 0,
    start: mni.start,
    end: mni.start + PAGE_SIZE,
    hmm_pfns: new Uint32Array(1),
    hmm_flags: new Uint16Array(1),
    default_flags: hmm_flags,
    dev_private_owner: drm,
  };
  for (let tries = 1; ; k.tried_in_vain(tries++)) {
    if (k.executor.now > deadline) return -EBUSY;
    range.notifier_seq = yield* mmu_interval_read_begin(mni);
    yield* mm.mmap_lock.down_read('nouveau_range_fault');
    const ret = yield* hmm_range_fault(range);
    mm.mmap_lock.up_read();
    if (ret === -EBUSY) continue;
    if (ret !== 0) return ret;
    yield* svmm.mutex.mutex_lock('nouveau_range_fault');
    if (!mmu_interval_read_retry(mni, range.notifier_seq)) break;
    svmm.mutex.mutex_unlock();
  }
  nouveau_hmm_convert_pfn(svmm, range);
  svmm.mutex.mutex_unlock();
  return 0;
}

/** Enter what was found, of a huge mapping all of it. Context: svmm->mutex held. */
function nouveau_hmm_convert_pfn(svmm: NouveauSvmm, { start, hmm_pfns, hmm_flags }: HmmRange): void {
  const flags = hmm_flags[0]!;
  if ((flags & HMM_PFN_VALID) === 0) return;
  const write = (flags & HMM_PFN_WRITE) !== 0;
  const nr = 1 << hmm_pfn_to_map_order(flags);
  const within = (start / PAGE_SIZE) % nr;
  for (let n = 0; n < nr; n++) {
    const addr = start + (n - within) * PAGE_SIZE;
    svmm.vmm?.pfnmap(addr, { page: hmm_pfns[0]! + n - within, write, atomic: false });
  }
  const { mm } = svmm;
  const fn = 'nouveau_range_fault';
  if (mm.kernel.trace !== null)
    mm.kernel.note({
      event: 'device_fault',
      tracepoint: 'device_fault',
      fn,
      mm,
      addr: start,
      args: { device: 'nouveau' },
    });
}

function hmm_flags_of(access: number): number {
  if (access === FAULT_ACCESS_READ) return HMM_PFN_REQ_FAULT;
  return access === FAULT_ACCESS_PREFETCH ? 0 : HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
}

/**
 * nouveau_svm_fault(), of faults of one client and one kind of access, in order. A fault that cannot be handled is
 * cancelled, and its channel killed. Context: may sleep.
 */
export function* nouveau_svm_fault(svmm: NouveauSvmm, addrs: readonly number[], access: number): Task {
  const { mm } = svmm;
  const k = mm.kernel;
  for (const addr of addrs) {
    // A large mapping has served it already.
    if (svmm.vmm?.translate(addr, access) !== undefined) continue;
    if (!k.mmget_not_zero(mm)) {
      svmm.killed = true;
      continue;
    }
    const ret = yield* with_notifier(svmm, addr, (mni, deadline) =>
      access === FAULT_ACCESS_ATOMIC
        ? nouveau_atomic_range_fault(svmm, addr, mni, deadline)
        : nouveau_range_fault(svmm, hmm_flags_of(access), mni, deadline),
    );
    yield* mmput(mm);
    if (ret !== 0) svmm.killed = true;
  }
}

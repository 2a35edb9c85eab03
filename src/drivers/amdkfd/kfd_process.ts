// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_process.c: a process that uses GPUs, from its first open() to the end of its address space. Fidelity: simplified. */
import type { Process } from '../../kernel/process.js';
import { DelayedWork, Work } from '../../kernel/workqueue.js';
import { type MmuNotifier, mmu_notifier_register, mmu_notifier_unregister } from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import { WaitQueue } from '../../sim/executor.js';
import { Mutex } from '../../sim/locks.js';
import type { Task } from '../../sim/task.js';
import { EBUSY } from '../../uapi/errno.js';
import { kfd_process_free_outstanding_kfd_bos } from './amdgpu_amdkfd_gpuvm.js';
import { amdgpu_amdkfd_restore_userptr_worker } from './amdgpu_amdkfd_userptr.js';
import type { AmdgpuVm } from './amdgpu_vm.js';
import { KfdEvents } from './kfd_events.js';
import {
  type AmdkfdModule,
  type AmdkfdProcessInfo,
  KFD_IS_SVM_API_SUPPORTED,
  type KfdNode,
  type KfdProcess,
  type SvmRangeList,
} from './kfd_priv.js';
import {
  svm_range_deferred_list_work,
  svm_range_remove_notifier,
  svm_range_restore_work,
} from './kfd_svm_notifier.js';
import { svm_range_free, svm_range_unlink } from './kfd_svm_range.js';

/** A 4-level page table has no more than that many pages, as a power of two. */
const GRANULARITY_MAX = 0x1b;

/** Whether all GPUs can retry. `supported`: whether they could; else whether they do by default. */
export function kfd_process_xnack_mode({ pdds }: KfdProcess, supported: boolean): boolean {
  // Aldebaran has the mode by process.
  return supported || pdds.every(({ dev }) => !dev.noretry);
}

function svm_range_list_init(p: KfdProcess): SvmRangeList {
  const { kernel, nodes, default_granularity } = p.module;
  const { executor } = kernel;
  return {
    lock: new Mutex(executor, 'svms->lock'),
    objects: [],
    list: new Set(),
    bitmap_supported: nodes.reduce(
      (bits, node) => (KFD_IS_SVM_API_SUPPORTED(node) ? bits | (1 << node.gpuidx) : bits),
      0,
    ),
    evicted_ranges: 0,
    drain_pagefaults: false,
    restore_work: new DelayedWork(executor, 'svm_range_restore_work', svm_range_restore_work, p),
    deferred_list_work: new Work(executor, 'svm_range_deferred_list_work', svm_range_deferred_list_work, p),
    deferred_range_list: [],
    default_granularity: Math.min(default_granularity, GRANULARITY_MAX),
    faulting_task: null,
  };
}

function* svm_range_list_fini({ svms }: KfdProcess): Task {
  yield* svms.restore_work.cancel_delayed_work_sync();
  yield* svms.deferred_list_work.flush_work();
  svms.drain_pagefaults = true;
  for (const prange of [...svms.list]) {
    svm_range_unlink(prange);
    yield* svm_range_remove_notifier(prange);
    yield* svm_range_free(prange, true);
  }
}

/** Work: the address space is gone; so go queues, ranges and buffers. */
function* kfd_process_wq_release(p: KfdProcess): Task {
  for (const queue of p.queues.values()) queue.destroy();
  p.queues.clear();
  yield* svm_range_list_fini(p);
  yield* kfd_process_free_outstanding_kfd_bos(p);
  if (p.process_info !== null) yield* p.process_info.restore_userptr_work.cancel_delayed_work_sync();
}

class KfdMmuNotifier implements MmuNotifier {
  constructor(private readonly p: KfdProcess) {}

  /** kfd_process_notifier_release(). */
  // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
  *release(mm: MmStruct): Task {
    const { p } = this;
    p.module.processes.delete(mm);
    p.mm = null;
    mmu_notifier_unregister(this, mm);
    p.release_work.schedule_work();
  }
}

/** Processes that have the GPUs' address spaces are told apart by their first process. */
export const gpuFileOf = ({ lead_pid }: KfdProcess): number => lead_pid;

/** Of init_kfd_vm(). */
function init_process_info(p: KfdProcess): AmdkfdProcessInfo {
  const { executor } = p.module.kernel;
  const fn = amdgpu_amdkfd_restore_userptr_worker;
  return {
    lock: new Mutex(executor, 'process_info->lock'),
    notifier_lock: new Mutex(executor, 'process_info->notifier_lock'),
    userptr_valid_list: [],
    userptr_inval_list: [],
    evicted_bos: 0,
    restore_userptr_work: new DelayedWork(executor, 'amdgpu_amdkfd_restore_userptr_worker', fn, p),
  };
}

/** The process uses the GPU with this page table from now on. Context: may sleep. Return: 0, -EBUSY where it has another one. */
export function* kfd_process_device_init_vm(
  p: KfdProcess,
  pdd: KfdProcess['pdds'][number],
  vm: AmdgpuVm,
): Task<number> {
  yield* p.mutex.mutex_lock('kfd_ioctl_acquire_vm');
  let r = 0;
  if (pdd.vm !== null) r = pdd.vm === vm ? 0 : -EBUSY;
  else {
    pdd.vm = vm;
    p.process_info ??= init_process_info(p);
  }
  p.mutex.mutex_unlock();
  return r;
}

function new_pdd(process: KfdProcess, dev: KfdNode): KfdProcess['pdds'][number] {
  const restored = new WaitQueue();
  return {
    process,
    dev,
    vm: null,
    evicted: 0,
    killed: false,
    restored,
    alloc_idr: [],
    faults: 0,
    cpu_faults: 0,
  };
}

/** kfd_create_process(): the one of this address space, made where there is none yet. */
export function kfd_create_process(
  module: AmdkfdModule,
  mm: MmStruct,
  lead: Process | undefined,
): KfdProcess {
  const known = module.processes.get(mm);
  if (known !== undefined) return known;
  const { executor } = module.kernel;
  const p = {
    module,
    mm,
    lead_pid: lead?.pid ?? 0,
    lead_name: lead?.name ?? '',
    mutex: new Mutex(executor, 'p->mutex'),
    queues: new Map(),
    nextQueue: 0,
    xnack_enabled: false,
    process_info: null,
    events: new KfdEvents(executor),
  } as unknown as { -readonly [K in keyof KfdProcess]: KfdProcess[K] };
  p.pdds = module.nodes.map((node) => new_pdd(p, node));
  p.xnack_enabled = kfd_process_xnack_mode(p, false);
  p.svms = svm_range_list_init(p);
  p.release_work = new Work(executor, 'kfd_process_wq_release', kfd_process_wq_release, p);
  module.processes.set(mm, p);
  mmu_notifier_register(new KfdMmuNotifier(p), mm);
  return p;
}

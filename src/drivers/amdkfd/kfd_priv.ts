// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_priv.h, kfd_svm.h, amdgpu.h: the structs. Fidelity: simplified: one node a device, no partitions. */
import type { DelayedWork, Work } from '../../kernel/workqueue.js';
import type { Kernel } from '../../mm/kernel.js';
import type { DevPagemap } from '../../mm/memremap.js';
import { MmuIntervalNotifier } from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import type { SimTask, WaitQueue } from '../../sim/executor.js';
import { Mutex } from '../../sim/locks.js';
import type { Page } from '../../sim/memmap.js';
import {
  KFD_IOCTL_SVM_FLAG_COHERENT,
  KFD_IOCTL_SVM_FLAG_HOST_ACCESS,
  KFD_IOCTL_SVM_LOCATION_UNDEFINED,
} from '../../uapi/kfd_ioctl.js';
import type { HmmPages } from './amdgpu_hmm.js';
import type { AmdgpuVm, BoVaMapping, DmaAddr } from './amdgpu_vm.js';
import type { AmdgpuVramMgr, VramBlock } from './amdgpu_vram_mgr.js';
import type { KfdEvents } from './kfd_events.js';
import type { KfdQueue } from './kfd_queue.js';
import type { KfdSmiClient } from './kfd_smi_events.js';

/** What came with a request of /dev/kfd: the struct goes back to whoever asks. */
export interface KfdCall {
  readonly p: KfdProcess;
  readonly mm: MmStruct;
  readonly bytes: Uint8Array;
}

/** What the driver keeps in static variables. */
export interface AmdkfdModule {
  readonly kernel: Kernel;
  /** By gpuidx. */
  readonly nodes: KfdNode[];
  /** kfd_processes_table. */
  readonly processes: Map<MmStruct, KfdProcess>;
  /** page->zone_device_data: 0 is none. */
  readonly svm_bos: (SvmRangeBo | null)[];
  readonly freeBoIds: number[];
  /** Pages. */
  max_svm_range_pages: number;
  /** log2 of pages, the module's parameter. */
  readonly default_granularity: number;
  /** Pages of system memory that ranges may name in all (amdgpu_amdkfd_gpuvm.c), and how many they do. */
  readonly max_system_mem_limit: number;
  system_mem_used: number;
}

/** struct kfd_node and its struct amdgpu_device. */
export interface KfdNode {
  readonly module: AmdkfdModule;
  readonly gpuidx: number;
  /** gpu_id. */
  readonly id: number;
  /** Whose VRAM this GPU reads over XGMI; null: it stands alone. */
  readonly hive: object | null;
  readonly connected_to_cpu: boolean;
  /** Where the CPU reaches the VRAM of such a one. */
  readonly aper_base: number;
  /** From Vega10 on, pages can migrate. */
  readonly isGfx9: boolean;
  readonly isApu: boolean;
  readonly noretry: boolean;
  /** Bytes. */
  readonly vram_size: number;
  /** null: no SVM, or an APU, which has no memory of its own. */
  pgmap: DevPagemap | null;
  readonly vram: AmdgpuVramMgr;
  readonly smi_clients: KfdSmiClient[];
}

/** struct kfd_process_device. */
export interface KfdProcessDevice {
  readonly process: KfdProcess;
  readonly dev: KfdNode;
  /** What the file of the render node has; null until ACQUIRE_VM. */
  vm: AmdgpuVm | null;
  /** How often its queues have been taken off the GPU and not put back. */
  evicted: number;
  /** An access could not be done: its queues are off the GPU for good. */
  killed: boolean;
  /** Queues that wait for that. */
  readonly restored: WaitQueue;
  /** Buffers by the low half of their handle; those that were freed leave a hole. */
  readonly alloc_idr: (KgdMem | undefined)[];
  faults: number;
  /** CPU faults that brought memory home: where a real driver prints a debug line. */
  cpu_faults: number;
}

/** struct kfd_process. */
export interface KfdProcess {
  readonly module: AmdkfdModule;
  /** null once the address space is gone. */
  mm: MmStruct | null;
  readonly lead_pid: number;
  readonly lead_name: string;
  readonly mutex: Mutex;
  readonly pdds: readonly KfdProcessDevice[];
  readonly queues: Map<number, KfdQueue>;
  nextQueue: number;
  xnack_enabled: boolean;
  /** null until the first ACQUIRE_VM. */
  process_info: AmdkfdProcessInfo | null;
  readonly svms: SvmRangeList;
  readonly events: KfdEvents;
  readonly release_work: Work<KfdProcess>;
}

/** struct amdkfd_process_info (amdgpu_amdkfd.h): what the GPUs of a process have in common of its buffers. */
export interface AmdkfdProcessInfo {
  readonly lock: Mutex;
  /** Guards `invalid` and `range` of buffers, and evicted_bos. */
  readonly notifier_lock: Mutex;
  /** Buffers of user pointers; those that were invalidated wait on the second list for their pages. */
  readonly userptr_valid_list: KgdMem[];
  readonly userptr_inval_list: KgdMem[];
  /** Invalidations since the queues were stopped; 0: they run. */
  evicted_bos: number;
  readonly restore_userptr_work: DelayedWork<KfdProcess>;
}

/** struct kfd_mem_attachment: a buffer in the page table of one GPU. */
export interface KfdMemAttachment {
  readonly vm: AmdgpuVm;
  is_mapped: boolean;
}

/** struct kgd_mem with its struct amdgpu_bo, of a user pointer. */
export class KgdMem {
  readonly lock: Mutex;
  readonly notifier = new MmuIntervalNotifier(this);
  readonly attachments: KfdMemAttachment[] = [];
  mapped_to_gpu_memory = 0;
  /** Invalidations since it last had its pages; 0: it has them. */
  invalid = 0;
  /** Its pages, until it is known whether they are still those. */
  range: HmmPages | null = null;
  /** ttm->pages: what was found last; null: nothing. */
  pages: DmaAddr | null = null;
  /** Whether GPUs may have them, the buffer being in TTM_PL_TT; otherwise it is in TTM_PL_SYSTEM. */
  bound = false;

  constructor(
    readonly process: KfdProcess,
    /** Bytes: where GPUs have it, and where the program does. */
    readonly va: number,
    readonly userptr: number,
    readonly npages: number,
    readonly writable: boolean,
  ) {
    this.lock = new Mutex(process.module.kernel.executor, 'mem->lock');
  }
}

/** struct svm_range_list. */
export interface SvmRangeList {
  readonly lock: Mutex;
  /** The interval tree: sorted, and without overlaps. */
  readonly objects: SvmRange[];
  readonly list: Set<SvmRange>;
  /** Bits by gpuidx. */
  bitmap_supported: number;
  evicted_ranges: number;
  drain_pagefaults: boolean;
  readonly restore_work: DelayedWork<KfdProcess>;
  readonly deferred_list_work: Work<KfdProcess>;
  readonly deferred_range_list: SvmRange[];
  readonly default_granularity: number;
  faulting_task: SimTask | null;
}

/** struct svm_range_bo: VRAM that ranges share. Pages of it that are in use and the ranges each keep a reference. */
export interface SvmRangeBo {
  readonly id: number;
  readonly node: KfdNode;
  readonly mm: MmStruct;
  /** In the order of their offsets. */
  readonly blocks: readonly VramBlock[];
  kref: number;
  readonly range_list: SvmRange[];
  evicting: boolean;
  /** The eviction fence. */
  signaled: boolean;
  readonly fence: WaitQueue;
  readonly eviction_work: Work<SvmRangeBo>;
  readonly release_work: Work<SvmRangeBo>;
}

export type SvmWorkListOp =
  | 'SVM_OP_NULL'
  | 'SVM_OP_UNMAP_RANGE'
  | 'SVM_OP_UPDATE_RANGE_NOTIFIER'
  | 'SVM_OP_ADD_RANGE';

/** struct svm_range. Addresses are page numbers (virtual), `last` inclusive; locations and attributes as users give them. */
export class SvmRange {
  readonly migrate_mutex: Mutex;
  /** Guards the mapping on GPUs against the notifier. */
  readonly lock: Mutex;
  /** Where it is in the interval tree, which deferred work makes true again. */
  it_start = 0;
  it_last = 0;
  vram_pages = 0;
  /** By gpuidx: the pages that those of the range are mapped to. */
  readonly dma_addr: (DmaAddr | null)[];
  /** Whether the range has a reference of svm_bo, and where in it the range begins (pages). */
  ttm_res = false;
  offset = 0;
  svm_bo: SvmRangeBo | null = null;
  flags = KFD_IOCTL_SVM_FLAG_HOST_ACCESS | KFD_IOCTL_SVM_FLAG_COHERENT;
  preferred_loc = KFD_IOCTL_SVM_LOCATION_UNDEFINED;
  prefetch_loc = KFD_IOCTL_SVM_LOCATION_UNDEFINED;
  /** The GPU that has some of its pages; 0: none has. */
  actual_loc = 0;
  granularity: number;
  /** Invalidations since it was last mapped. */
  invalid = 0;
  /** Simulated ns. */
  validate_timestamp = Number.NEGATIVE_INFINITY;
  readonly notifier = new MmuIntervalNotifier(this);
  notified = false;
  op: SvmWorkListOp = 'SVM_OP_NULL';
  op_mm: MmStruct | null = null;
  deferred = false;
  readonly child_list: SvmRange[] = [];
  /** Is it on the child_list of another? */
  is_child = false;
  bitmap_access = 0;
  bitmap_aip = 0;
  mapped_to_gpu = false;

  constructor(
    readonly process: KfdProcess,
    public start: number,
    public last: number,
  ) {
    const { executor } = process.module.kernel;
    this.migrate_mutex = new Mutex(executor, 'prange->migrate_mutex');
    this.lock = new Mutex(executor, 'prange->lock');
    this.dma_addr = process.pdds.map(() => null);
    this.granularity = process.svms.default_granularity;
    if (process.xnack_enabled) this.bitmap_access = process.svms.bitmap_supported;
  }

  get npages(): number {
    return this.last - this.start + 1;
  }
}

/** Bits that are set, as gpuidx. */
export function bitsOf(bitmap: number): number[] {
  const bits: number[] = [];
  for (let i = 0; bitmap >>> i !== 0; i++) if (((bitmap >>> i) & 1) !== 0) bits.push(i);
  return bits;
}

/** SVM_ADEV_PGMAP_OWNER(): GPUs of one hive read each other's memory. */
export const SVM_ADEV_PGMAP_OWNER = (node: KfdNode): object => node.hive ?? node;

/** KFD_IS_SVM_API_SUPPORTED(). */
export const KFD_IS_SVM_API_SUPPORTED = (node: KfdNode): boolean =>
  node.pgmap !== null || (node.isApu && node.isGfx9);

export const svm_nodes_in_same_hive = (a: KfdNode, b: KfdNode): boolean =>
  a === b || (a.hive !== null && a.hive === b.hive);

/** Return: the gpuidx, -1 where the process has no such GPU. */
export function kfd_process_gpuidx_from_gpuid(p: KfdProcess, gpuid: number): number {
  return p.pdds.findIndex(({ dev }) => dev.id === gpuid);
}

export const kfd_process_device_data_by_id = (p: KfdProcess, gpuid: number): KfdProcessDevice | undefined =>
  p.pdds[kfd_process_gpuidx_from_gpuid(p, gpuid)];

/** The buffer that some GPU of the process has at some of pages [start, last]. */
export function svm_range_check_vm(
  { pdds }: KfdProcess,
  start: number,
  last: number,
): BoVaMapping | undefined {
  return firstOf(pdds, (vm) => vm.bo_at(start, last));
}

/** The buffer whose memory the program has at some of pages [start, last]. */
export function svm_range_check_vm_userptr(
  { pdds }: KfdProcess,
  start: number,
  last: number,
): BoVaMapping | undefined {
  return firstOf(pdds, (vm) => vm.userptr_at(start, last));
}

function firstOf(
  pdds: readonly KfdProcessDevice[],
  find: (vm: AmdgpuVm) => BoVaMapping | undefined,
): BoVaMapping | undefined {
  for (const { vm } of pdds) {
    const found = vm === null ? undefined : find(vm);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function svm_range_get_node_by_id(prange: SvmRange, gpuid: number): KfdNode | null {
  return kfd_process_device_data_by_id(prange.process, gpuid)?.dev ?? null;
}

/** Whether the process still has its address space, for those who come with that. */
export function kfd_lookup_process_by_mm(module: AmdkfdModule, mm: MmStruct): KfdProcess | null {
  return module.processes.get(mm) ?? null;
}

/** The number in the GPU's memory of a page of it. */
export const vram_page = (node: KfdNode, offset: number): Page => node.pgmap!.firstPage + offset;

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The interface of /dev/kfd (include/uapi/linux/kfd_ioctl.h), as much of it as shared virtual memory needs: structs, ioctl
 * numbers, attributes, events. What stands for the doorbell and the ring of a queue is at the end, and ours.
 */
import { putU32, putU64, type U64, u32At, u64At } from '../sim/bytes.js';
import { CStruct } from './c_struct.js';

const BASE = 0x4b;

const request = (dir: number, nr: number, size: number): number =>
  ((dir << 30) | (size << 16) | (BASE << 8) | nr) >>> 0;
const IOR = (nr: number, size: number): number => request(2, nr, size);
const IOW = (nr: number, size: number): number => request(1, nr, size);
const IOWR = (nr: number, size: number): number => request(3, nr, size);

const u64 = <Name extends string>(name: Name) => ({ name, type: 'uint64_t' }) as const;
const u32 = <Name extends string>(name: Name) => ({ name, type: 'uint32_t' }) as const;

/** The members of a struct, by name: those of 64 bits are exact up to 2^53. */
export type Fields<Name extends string> = Record<Name, number>;

/** Reads all members. */
export function decodeStruct<Name extends string>(struct: CStruct<Name>, bytes: Uint8Array): Fields<Name> {
  const fields = {} as Fields<Name>;
  for (const { name, type, offset } of struct.fields) {
    fields[name] = type === 'uint64_t' ? u64At(bytes, offset) : u32At(bytes, offset);
  }
  return fields;
}

/** Writes the members that are given, and leaves the others. Return: `bytes`. */
export function encodeStruct<Name extends string>(
  struct: CStruct<Name>,
  fields: Partial<Record<Name, U64>>,
  bytes: Uint8Array = new Uint8Array(struct.size),
): Uint8Array {
  for (const { name, type, offset } of struct.fields) {
    const value = fields[name];
    if (value === undefined) continue;
    if (type === 'uint64_t') putU64(bytes, offset, value);
    else putU32(bytes, offset, Number(value));
  }
  return bytes;
}

// --- queues -----------------------------------------------------------------------------------------------

export const KFD_CREATE_QUEUE = new CStruct('kfd_ioctl_create_queue_args', [
  u64('ring_base_address'),
  u64('write_pointer_address'),
  u64('read_pointer_address'),
  u64('doorbell_offset'),
  u32('ring_size'),
  u32('gpu_id'),
  u32('queue_type'),
  u32('queue_percentage'),
  u32('queue_priority'),
  u32('queue_id'),
  u64('eop_buffer_address'),
  u64('eop_buffer_size'),
  u64('ctx_save_restore_address'),
  u32('ctx_save_restore_size'),
  u32('ctl_stack_size'),
  u32('sdma_engine_id'),
  u32('pad'),
]);
export const KFD_DESTROY_QUEUE = new CStruct('kfd_ioctl_destroy_queue_args', [u32('queue_id'), u32('pad')]);

export const KFD_IOC_QUEUE_TYPE_COMPUTE = 0;
export const KFD_IOC_QUEUE_TYPE_SDMA = 1;
export const KFD_IOC_QUEUE_TYPE_SDMA_XGMI = 3;

// --- processes and events ---------------------------------------------------------------------------------

export const KFD_GET_VERSION = new CStruct('kfd_ioctl_get_version_args', [
  u32('major_version'),
  u32('minor_version'),
]);
export const KFD_IOCTL_MAJOR_VERSION = 1;

export const KFD_PROCESS_DEVICE_APERTURES = new CStruct('kfd_process_device_apertures', [
  u64('lds_base'),
  u64('lds_limit'),
  u64('scratch_base'),
  u64('scratch_limit'),
  u64('gpuvm_base'),
  u64('gpuvm_limit'),
  u32('gpu_id'),
  u32('pad'),
]);
export const KFD_GET_PROCESS_APERTURES_NEW = new CStruct('kfd_ioctl_get_process_apertures_new_args', [
  u64('kfd_process_device_apertures_ptr'),
  u32('num_of_nodes'),
  u32('pad'),
]);

export const KFD_ACQUIRE_VM = new CStruct('kfd_ioctl_acquire_vm_args', [u32('drm_fd'), u32('gpu_id')]);

export const KFD_CREATE_EVENT = new CStruct('kfd_ioctl_create_event_args', [
  u64('event_page_offset'),
  u32('event_trigger_data'),
  u32('event_type'),
  u32('auto_reset'),
  u32('node_id'),
  u32('event_id'),
  u32('event_slot_index'),
]);
export const KFD_IOC_EVENT_MEMORY = 8;

/** struct kfd_event_data, where it tells of a memory exception. */
export const KFD_EVENT_DATA = new CStruct('kfd_event_data', [
  u32('NotPresent'),
  u32('ReadOnly'),
  u32('NoExecute'),
  u32('imprecise'),
  u64('va'),
  u32('gpu_id'),
  u32('ErrorType'),
  u64('kfd_event_data_ext'),
  u32('event_id'),
  u32('pad'),
]);
export const KFD_WAIT_EVENTS = new CStruct('kfd_ioctl_wait_events_args', [
  u64('events_ptr'),
  u32('num_events'),
  u32('wait_for_all'),
  u32('timeout'),
  u32('wait_result'),
]);
export const KFD_IOC_WAIT_RESULT_COMPLETE = 0;
export const KFD_IOC_WAIT_RESULT_TIMEOUT = 1;

// --- buffers ----------------------------------------------------------------------------------------------

export const KFD_ALLOC_MEMORY_OF_GPU = new CStruct('kfd_ioctl_alloc_memory_of_gpu_args', [
  u64('va_addr'),
  u64('size'),
  u64('handle'),
  u64('mmap_offset'),
  u32('gpu_id'),
  u32('flags'),
]);
export const KFD_FREE_MEMORY_OF_GPU = new CStruct('kfd_ioctl_free_memory_of_gpu_args', [u64('handle')]);
/** The same for MAP and UNMAP. */
export const KFD_MAP_MEMORY_TO_GPU = new CStruct('kfd_ioctl_map_memory_to_gpu_args', [
  u64('handle'),
  u64('device_ids_array_ptr'),
  u32('n_devices'),
  u32('n_success'),
]);

export const KFD_IOC_ALLOC_MEM_FLAGS_VRAM = 1 << 0;
export const KFD_IOC_ALLOC_MEM_FLAGS_GTT = 1 << 1;
export const KFD_IOC_ALLOC_MEM_FLAGS_USERPTR = 1 << 2;
export const KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE = 0x80000000;
export const KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM = 1 << 27;

// --- events for profilers ---------------------------------------------------------------------------------

export const KFD_SMI_EVENTS = new CStruct('kfd_ioctl_smi_events_args', [u32('gpuid'), u32('anon_fd')]);

export const KFD_SMI_EVENT_VMFAULT = 1;
export const KFD_SMI_EVENT_MIGRATE_START = 5;
export const KFD_SMI_EVENT_MIGRATE_END = 6;
export const KFD_SMI_EVENT_PAGE_FAULT_START = 7;
export const KFD_SMI_EVENT_PAGE_FAULT_END = 8;
export const KFD_SMI_EVENT_QUEUE_EVICTION = 9;
export const KFD_SMI_EVENT_QUEUE_RESTORE = 10;
export const KFD_SMI_EVENT_UNMAP_FROM_GPU = 11;
export const KFD_SMI_EVENT_ALL_PROCESS = 64;

/** The bit of an event in what a client of the SMI file writes to it. */
export const KFD_SMI_EVENT_MASK_FROM_INDEX = (event: number): bigint => 1n << BigInt(event - 1);
export const KFD_SMI_EVENT_MSG_SIZE = 96;

export const KFD_MIGRATE_TRIGGER_PREFETCH = 0;
export const KFD_MIGRATE_TRIGGER_PAGEFAULT_GPU = 1;
export const KFD_MIGRATE_TRIGGER_PAGEFAULT_CPU = 2;
export const KFD_MIGRATE_TRIGGER_TTM_EVICTION = 3;

export const KFD_QUEUE_EVICTION_TRIGGER_SVM = 0;
export const KFD_QUEUE_EVICTION_TRIGGER_USERPTR = 1;

export const KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY = 0;
export const KFD_SVM_UNMAP_TRIGGER_MMU_NOTIFY_MIGRATE = 1;
export const KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU = 2;

// --- shared virtual memory --------------------------------------------------------------------------------

/** The head of struct kfd_ioctl_svm_args; its attributes follow. */
export const KFD_SVM = new CStruct('kfd_ioctl_svm_args', [
  u64('start_addr'),
  u64('size'),
  u32('op'),
  u32('nattr'),
]);
const KFD_SVM_ATTRIBUTE = new CStruct('kfd_ioctl_svm_attribute', [u32('type'), u32('value')]);

export const KFD_IOCTL_SVM_OP_SET_ATTR = 0;
export const KFD_IOCTL_SVM_OP_GET_ATTR = 1;

export const KFD_IOCTL_SVM_FLAG_HOST_ACCESS = 0x1;
export const KFD_IOCTL_SVM_FLAG_COHERENT = 0x2;
export const KFD_IOCTL_SVM_FLAG_GPU_RO = 0x8;
export const KFD_IOCTL_SVM_FLAG_GPU_EXEC = 0x10;
export const KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED = 0x40;

export const KFD_IOCTL_SVM_LOCATION_SYSMEM = 0;
export const KFD_IOCTL_SVM_LOCATION_UNDEFINED = 0xffffffff;

export const KFD_IOCTL_SVM_ATTR_PREFERRED_LOC = 0;
export const KFD_IOCTL_SVM_ATTR_PREFETCH_LOC = 1;
export const KFD_IOCTL_SVM_ATTR_ACCESS = 2;
export const KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE = 3;
export const KFD_IOCTL_SVM_ATTR_NO_ACCESS = 4;
export const KFD_IOCTL_SVM_ATTR_SET_FLAGS = 5;
export const KFD_IOCTL_SVM_ATTR_CLR_FLAGS = 6;
export const KFD_IOCTL_SVM_ATTR_GRANULARITY = 7;

/** struct kfd_ioctl_svm_attribute. */
export interface SvmAttribute {
  type: number;
  value: number;
}

/** The whole of struct kfd_ioctl_svm_args. */
export function encodeSvm(
  op: number,
  start_addr: number,
  size: number,
  attrs: readonly SvmAttribute[],
): Uint8Array {
  const bytes = new Uint8Array(svmSize(attrs.length));
  encodeStruct(KFD_SVM, { start_addr, size, op, nattr: attrs.length }, bytes);
  putSvmAttributes(bytes, attrs);
  return bytes;
}

export function putSvmAttributes(bytes: Uint8Array, attrs: readonly SvmAttribute[]): void {
  for (const [i, { type, value }] of attrs.entries()) {
    putU32(bytes, KFD_SVM.size + i * KFD_SVM_ATTRIBUTE.size, type);
    putU32(bytes, KFD_SVM.size + i * KFD_SVM_ATTRIBUTE.size + 4, value);
  }
}

export function decodeSvmAttributes(bytes: Uint8Array, nattr: number): SvmAttribute[] {
  return Array.from({ length: nattr }, (_, i) => {
    const at = KFD_SVM.size + i * KFD_SVM_ATTRIBUTE.size;
    return { type: u32At(bytes, at), value: u32At(bytes, at + 4) };
  });
}

/** Bytes of struct kfd_ioctl_svm_args with that many attributes. */
export const svmSize = (nattr: number): number => KFD_SVM.size + nattr * KFD_SVM_ATTRIBUTE.size;

/** AMDKFD_IOC_SVM as a caller with that many attributes makes it. */
export const AMDKFD_IOC_SVM = (nattr: number): number => IOWR(0x20, svmSize(nattr));

export const AMDKFD_IOC_GET_VERSION = IOR(0x01, KFD_GET_VERSION.size);
export const AMDKFD_IOC_CREATE_QUEUE = IOWR(0x02, KFD_CREATE_QUEUE.size);
export const AMDKFD_IOC_DESTROY_QUEUE = IOWR(0x03, KFD_DESTROY_QUEUE.size);
export const AMDKFD_IOC_CREATE_EVENT = IOWR(0x08, KFD_CREATE_EVENT.size);
export const AMDKFD_IOC_WAIT_EVENTS = IOWR(0x0c, KFD_WAIT_EVENTS.size);
export const AMDKFD_IOC_GET_PROCESS_APERTURES_NEW = IOWR(0x14, KFD_GET_PROCESS_APERTURES_NEW.size);
export const AMDKFD_IOC_ACQUIRE_VM = IOW(0x15, KFD_ACQUIRE_VM.size);
export const AMDKFD_IOC_ALLOC_MEMORY_OF_GPU = IOWR(0x16, KFD_ALLOC_MEMORY_OF_GPU.size);
export const AMDKFD_IOC_FREE_MEMORY_OF_GPU = IOW(0x17, KFD_FREE_MEMORY_OF_GPU.size);
export const AMDKFD_IOC_MAP_MEMORY_TO_GPU = IOWR(0x18, KFD_MAP_MEMORY_TO_GPU.size);
export const AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU = IOWR(0x19, KFD_MAP_MEMORY_TO_GPU.size);
export const AMDKFD_IOC_SMI_EVENTS = IOWR(0x1f, KFD_SMI_EVENTS.size);
export const AMDKFD_IOC_SET_XNACK_MODE = IOWR(0x21, 4);

// --- ours -------------------------------------------------------------------------------------------------

/**
 * A packet, where a real queue has one in its ring and a store to the doorbell tells of it. It stands for a packet of SDMA,
 * or for a dispatch of the shader that does the same.
 */
export const SIM_PACKET = new CStruct('kfd_sim_packet', [
  u32('op'),
  u32('data'),
  u64('dst'),
  u64('src'),
  u64('size'),
]);
/** `size` bytes from `src` to `dst`. */
export const SIM_OP_COPY = 1;
/** `size` bytes at `dst` become the word `data` again and again. */
export const SIM_OP_FILL = 2;
/** The word `data` at `dst`. */
export const SIM_OP_WRITE = 3;
/** One wave for each 64-bit address of the `size` bytes at `src`: it reads there until the word at `dst` is `data`, then writes that into its slot behind the word. */
export const SIM_OP_WAVES = 4;

export const KFD_SIM_SUBMIT = new CStruct('kfd_sim_submit_args', [
  u64('packets'),
  u32('queue_id'),
  u32('count'),
]);
/** `timeout` in milliseconds; `done` is 0 where it is over first. */
export const KFD_SIM_WAIT = new CStruct('kfd_sim_wait_args', [
  u32('queue_id'),
  u32('timeout'),
  u32('done'),
  u32('pad'),
]);

/**
 * What sysfs tells of a node, `vram`, `vram_used` and `system` in bytes; GPUs of one hive have one number. And faults so far: what a real
 * driver writes to its log.
 */
export const KFD_SIM_NODE = new CStruct('kfd_sim_node_args', [
  u64('vram'),
  u64('vram_used'),
  u64('hive'),
  u64('system'),
  u32('gpu_id'),
  u32('apu'),
  u32('faults'),
  u32('cpu_faults'),
  u32('coherent'),
  u32('pad'),
]);

export const AMDKFD_IOC_SIM_SUBMIT = IOW(0xe0, KFD_SIM_SUBMIT.size);
export const AMDKFD_IOC_SIM_WAIT = IOWR(0xe1, KFD_SIM_WAIT.size);
export const AMDKFD_IOC_SIM_NODE = IOWR(0xe2, KFD_SIM_NODE.size);

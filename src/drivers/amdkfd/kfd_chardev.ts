// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_chardev.c: /dev/kfd. Fidelity:
 * simplified: the requests that shared virtual memory and user pointers need, and three of ours for queues and what sysfs tells.
 */
import type { FileOperations, OpenFile } from '../../fs/file.js';
import { fd_install } from '../../kernel/files.js';
import type { DriverHost } from '../../kernel/module.js';
import type { Process } from '../../kernel/process.js';
import { telling } from '../../kernel/told-command.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import type { Task } from '../../sim/task.js';
import { EBADF, EBUSY, EFAULT, EINVAL, ENOMEM, ENOTTY, EPERM } from '../../uapi/errno.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { AmdgpuVm } from './amdgpu_vm.js';
import {
  alloc_memory_of_gpu,
  free_memory_of_gpu,
  map_memory_to_gpu,
  unmap_memory_from_gpu,
} from './kfd_chardev_buffers.js';
import {
  type AmdkfdModule,
  type KfdCall,
  type KfdProcess,
  kfd_process_device_data_by_id,
  kfd_process_gpuidx_from_gpuid,
} from './kfd_priv.js';
import {
  gpuFileOf,
  kfd_create_process,
  kfd_process_device_init_vm,
  kfd_process_xnack_mode,
} from './kfd_process.js';
import { KfdQueue, type Packet } from './kfd_queue.js';
import { kfd_smi_event_open } from './kfd_smi_events.js';
import { svm_ioctl } from './kfd_svm.js';
import { svm_range_switch_xnack_reserve_mem } from './kfd_svm_range.js';

/** Of the kernels here: 6.12 has 1.17, others about that; it only has to be 1.10 or later. */
const KFD_IOCTL_MINOR_VERSION = 17;

/** Packets that one submission may have. */
const SUBMIT_MAX = 65536;

interface Call extends KfdCall {
  readonly host: DriverHost;
}

type Handler = (call: Call) => Task<number>;

const currentOf = ({ host, mm }: Call): Process => host.processOf(mm)!;

// biome-ignore lint/correctness/useYield: requests may sleep; this one has no need to.
function* get_version({ bytes }: Call): Task<number> {
  const version = { major_version: uapi.KFD_IOCTL_MAJOR_VERSION, minor_version: KFD_IOCTL_MINOR_VERSION };
  uapi.encodeStruct(uapi.KFD_GET_VERSION, version, bytes);
  return 0;
}

function* get_process_apertures_new({ p, mm, bytes }: Call): Task<number> {
  const args = uapi.decodeStruct(uapi.KFD_GET_PROCESS_APERTURES_NEW, bytes);
  const nodes = p.pdds.slice(0, args.num_of_nodes === 0 ? 0 : args.num_of_nodes);
  for (const [n, { dev }] of nodes.entries()) {
    const { size } = uapi.KFD_PROCESS_DEVICE_APERTURES;
    const aperture = uapi.encodeStruct(uapi.KFD_PROCESS_DEVICE_APERTURES, { gpu_id: dev.id });
    const at = args.kfd_process_device_apertures_ptr + n * size;
    if (!(yield* copy_to_user(mm, at, aperture))) return -EFAULT;
  }
  uapi.encodeStruct(
    uapi.KFD_GET_PROCESS_APERTURES_NEW,
    { num_of_nodes: args.num_of_nodes === 0 ? p.pdds.length : nodes.length },
    bytes,
  );
  return 0;
}

function* acquire_vm(call: Call): Task<number> {
  const { p, bytes } = call;
  const { drm_fd, gpu_id } = uapi.decodeStruct(uapi.KFD_ACQUIRE_VM, bytes);
  const file = currentOf(call).fds.get(drm_fd);
  const vm = file?.private_data;
  if (!(vm instanceof AmdgpuVm)) return -EINVAL;
  const pdd = kfd_process_device_data_by_id(p, gpu_id);
  return pdd === undefined ? -EINVAL : yield* kfd_process_device_init_vm(p, pdd, vm);
}

function* create_queue({ p, bytes }: Call): Task<number> {
  const { gpu_id, queue_type } = uapi.decodeStruct(uapi.KFD_CREATE_QUEUE, bytes);
  if (queue_type > uapi.KFD_IOC_QUEUE_TYPE_SDMA_XGMI) return -EINVAL;
  yield* p.mutex.mutex_lock('kfd_ioctl_create_queue');
  const pdd = kfd_process_device_data_by_id(p, gpu_id);
  let r = 0;
  if (pdd === undefined) r = -EINVAL;
  else if (pdd.vm === null) r = -ENOMEM;
  else {
    const queue_id = p.nextQueue++;
    p.queues.set(queue_id, new KfdQueue(queue_id, pdd));
    uapi.encodeStruct(uapi.KFD_CREATE_QUEUE, { queue_id }, bytes);
  }
  p.mutex.mutex_unlock();
  return r;
}

function* destroy_queue({ p, bytes }: Call): Task<number> {
  const { queue_id } = uapi.decodeStruct(uapi.KFD_DESTROY_QUEUE, bytes);
  yield* p.mutex.mutex_lock('kfd_ioctl_destroy_queue');
  const queue = p.queues.get(queue_id);
  queue?.destroy();
  p.queues.delete(queue_id);
  p.mutex.mutex_unlock();
  return queue === undefined ? -EINVAL : 0;
}

// biome-ignore lint/correctness/useYield: requests may sleep; this one has no need to.
function* create_event({ p, bytes }: Call): Task<number> {
  const { event_type, auto_reset } = uapi.decodeStruct(uapi.KFD_CREATE_EVENT, bytes);
  const event_id = p.events.create(event_type, auto_reset !== 0);
  if (event_id < 0) return event_id;
  uapi.encodeStruct(uapi.KFD_CREATE_EVENT, { event_id }, bytes);
  return 0;
}

/** Of one event: that is all that there are several of. */
function* wait_events({ p, mm, bytes }: Call): Task<number> {
  const { events_ptr, num_events, timeout } = uapi.decodeStruct(uapi.KFD_WAIT_EVENTS, bytes);
  if (num_events !== 1) return -EINVAL;
  const data = yield* copy_from_user(mm, events_ptr, uapi.KFD_EVENT_DATA.size);
  if (data === null) return -EFAULT;
  const found = yield* p.events.wait(uapi.decodeStruct(uapi.KFD_EVENT_DATA, data).event_id, timeout);
  if (typeof found === 'number') return found;
  const wait_result = found === null ? uapi.KFD_IOC_WAIT_RESULT_TIMEOUT : uapi.KFD_IOC_WAIT_RESULT_COMPLETE;
  uapi.encodeStruct(uapi.KFD_WAIT_EVENTS, { wait_result }, bytes);
  if (found === null) return 0;
  uapi.encodeStruct(uapi.KFD_EVENT_DATA, { ...found }, data);
  return (yield* copy_to_user(mm, events_ptr, data)) ? 0 : -EFAULT;
}

// biome-ignore lint/correctness/useYield: requests may sleep; this one has no need to.
function* smi_events(call: Call): Task<number> {
  const { host, p, bytes } = call;
  const pdd = kfd_process_device_data_by_id(p, uapi.decodeStruct(uapi.KFD_SMI_EVENTS, bytes).gpuid);
  if (pdd === undefined) return -EINVAL;
  const process = currentOf(call);
  const anon_fd = fd_install(process, kfd_smi_event_open(host.files, pdd.dev, process.pid));
  uapi.encodeStruct(uapi.KFD_SMI_EVENTS, { anon_fd }, bytes);
  return 0;
}

/** The answer to a negative number is the mode. */
function* set_xnack_mode({ p, bytes }: Call): Task<number> {
  const wanted = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  yield* p.mutex.mutex_lock('kfd_ioctl_set_xnack_mode');
  let r = 0;
  if (wanted < 0) bytes[0] = 0;
  if (wanted < 0) new DataView(bytes.buffer, bytes.byteOffset).setInt32(0, p.xnack_enabled ? 1 : 0, true);
  else if (p.queues.size > 0) r = -EBUSY;
  else if (p.xnack_enabled !== (wanted !== 0)) {
    if (wanted !== 0 && !kfd_process_xnack_mode(p, true)) r = -EPERM;
    else {
      yield* p.svms.lock.mutex_lock('svm_range_switch_xnack_reserve_mem');
      if (!svm_range_switch_xnack_reserve_mem(p, wanted !== 0)) r = -ENOMEM;
      p.svms.lock.mutex_unlock();
    }
  }
  p.mutex.mutex_unlock();
  return r;
}

/** svm_ioctl(), with what it is to do told to whoever listens. */
function tellingOf(
  p: KfdProcess,
  mm: MmStruct,
  op: number,
  start: number,
  size: number,
  attrs: uapi.SvmAttribute[],
): Task<number> {
  const body = svm_ioctl(p, mm, op, start, size, attrs);
  const prefetch = attrs.find(({ type }) => type === uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC);
  if (op !== uapi.KFD_IOCTL_SVM_OP_SET_ATTR || prefetch === undefined) return body;
  const gpuidx = Math.max(0, kfd_process_gpuidx_from_gpuid(p, prefetch.value));
  const toDevice = prefetch.value !== uapi.KFD_IOCTL_SVM_LOCATION_SYSMEM;
  const told = {
    mm,
    addr: start,
    pages: size / PAGE_SIZE,
    name: 'PREFETCH',
    does: 'migrate',
    toDevice,
    fn: toDevice ? 'svm_migrate_copy_to_vram' : 'svm_migrate_copy_to_ram',
    device: `gpu${gpuidx}`,
    file: gpuFileOf(p),
  } as const;
  return telling(told, body);
}

function* svm({ p, mm, bytes }: Call): Task<number> {
  if (bytes.length < uapi.KFD_SVM.size) return -EINVAL;
  const { start_addr, size, op, nattr } = uapi.decodeStruct(uapi.KFD_SVM, bytes);
  if (bytes.length < uapi.svmSize(nattr)) return -EINVAL;
  if (start_addr % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || start_addr === 0 || size === 0)
    return -EINVAL;
  const attrs = uapi.decodeSvmAttributes(bytes, nattr);
  const r = yield* tellingOf(p, mm, op, start_addr, size, attrs);
  uapi.putSvmAttributes(bytes, attrs);
  return r;
}

// --- ours -------------------------------------------------------------------------------------------------------

function* sim_submit({ p, mm, bytes }: Call): Task<number> {
  const { packets, queue_id, count } = uapi.decodeStruct(uapi.KFD_SIM_SUBMIT, bytes);
  const queue = p.queues.get(queue_id);
  if (queue === undefined || count > SUBMIT_MAX) return -EINVAL;
  const { size } = uapi.SIM_PACKET;
  const ring = yield* copy_from_user(mm, packets, count * size);
  if (ring === null) return -EFAULT;
  const decoded: Packet[] = Array.from({ length: count }, (_, n) =>
    uapi.decodeStruct(uapi.SIM_PACKET, ring.subarray(n * size, (n + 1) * size)),
  );
  queue.submit(decoded);
  return 0;
}

function* sim_wait(call: Call): Task<number> {
  const { p, bytes } = call;
  const { queue_id, timeout } = uapi.decodeStruct(uapi.KFD_SIM_WAIT, bytes);
  const queue = p.queues.get(queue_id);
  if (queue === undefined) return -EINVAL;
  const done = yield* queue.wait(currentOf(call), timeout);
  uapi.encodeStruct(uapi.KFD_SIM_WAIT, { done: done ? 1 : 0 }, bytes);
  return 0;
}

function* sim_node({ p, bytes }: Call): Task<number> {
  const pdd = kfd_process_device_data_by_id(p, uapi.decodeStruct(uapi.KFD_SIM_NODE, bytes).gpu_id);
  if (pdd === undefined) return -EINVAL;
  const { dev, faults, cpu_faults } = pdd;
  const { kernel, nodes } = dev.module;
  const told = {
    vram: dev.vram_size,
    vram_used: dev.isApu ? 0 : dev.vram_size - dev.vram.freePages * PAGE_SIZE,
    hive: dev.hive === null ? 0 : 1 + nodes.findIndex(({ hive }) => hive === dev.hive),
    system: kernel.firstDevicePage * PAGE_SIZE,
    apu: dev.isApu ? 1 : 0,
    coherent: dev.connected_to_cpu ? 1 : 0,
    faults,
    cpu_faults,
  };
  uapi.encodeStruct(uapi.KFD_SIM_NODE, told, bytes);
  return 0;
}

const IOC_NR = 0xff;

/** By number alone, as the kernel's table is: what a caller's struct has more or less is as it was. */
const HANDLERS = new Map<number, Handler>(
  (
    [
      [uapi.AMDKFD_IOC_GET_VERSION, get_version],
      [uapi.AMDKFD_IOC_CREATE_QUEUE, create_queue],
      [uapi.AMDKFD_IOC_DESTROY_QUEUE, destroy_queue],
      [uapi.AMDKFD_IOC_CREATE_EVENT, create_event],
      [uapi.AMDKFD_IOC_WAIT_EVENTS, wait_events],
      [uapi.AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, get_process_apertures_new],
      [uapi.AMDKFD_IOC_ACQUIRE_VM, acquire_vm],
      [uapi.AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, alloc_memory_of_gpu],
      [uapi.AMDKFD_IOC_FREE_MEMORY_OF_GPU, free_memory_of_gpu],
      [uapi.AMDKFD_IOC_MAP_MEMORY_TO_GPU, map_memory_to_gpu],
      [uapi.AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, unmap_memory_from_gpu],
      [uapi.AMDKFD_IOC_SMI_EVENTS, smi_events],
      [uapi.AMDKFD_IOC_SVM(0), svm],
      [uapi.AMDKFD_IOC_SET_XNACK_MODE, set_xnack_mode],
      [uapi.AMDKFD_IOC_SIM_SUBMIT, sim_submit],
      [uapi.AMDKFD_IOC_SIM_WAIT, sim_wait],
      [uapi.AMDKFD_IOC_SIM_NODE, sim_node],
    ] as const
  ).map(([request, handler]) => [request & IOC_NR, handler]),
);

function* kfd_ioctl(host: DriverHost, file: OpenFile, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const handler = HANDLERS.get(cmd & IOC_NR);
  if (handler === undefined) return -ENOTTY;
  const p = file.private_data as KfdProcess;
  // A child has the file, but not the process that it is of.
  if (p.mm !== mm) return -EBADF;
  const size = (cmd >>> 16) & 0x3fff;
  const bytes = yield* copy_from_user(mm, arg, size);
  if (bytes === null) return -EFAULT;
  const r = yield* handler({ host, p, mm, bytes });
  const goesBack = cmd >>> 31 !== 0;
  if (goesBack && !(yield* copy_to_user(mm, arg, bytes))) return -EFAULT;
  return r;
}

/** Operations of /dev/kfd. */
export function kfd_fops(module: AmdkfdModule, host: DriverHost): FileOperations {
  return {
    name: 'kfd',
    // biome-ignore lint/correctness/useYield: open() may sleep; this one has no need to.
    *open(file, mm) {
      file.private_data = kfd_create_process(module, mm, host.processOf(mm));
      return 0;
    },
    unlocked_ioctl: (file, mm, cmd, arg) => kfd_ioctl(host, file, mm, cmd, arg),
  };
}

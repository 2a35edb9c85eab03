// SPDX-License-Identifier: GPL-2.0-only
/** What kfdtest has libhsakmt for: /dev/kfd as a process uses it. Calls answer as the library does, 0 or a negative errno. */
import type { Task } from '../../sim/task.js';
import { EAGAIN, EINTR } from '../../uapi/errno.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { O_RDWR } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';

/** Room for the largest struct, and for the packets of one submission. */
const SCRATCH = 16384;
const PACKETS_AT = 8192;
const MAX_GPUS = 8;
/** Milliseconds until a queue that does not come to an end is given up. */
const QUEUE_TIMEOUT = 120_000;

/** What sysfs tells of a GPU. */
export interface Node {
  readonly gpu_id: number;
  /** Bytes. */
  readonly vram: number;
  /** Of all processes. */
  readonly vram_used: number;
  /** The hive that it belongs to; 0: none. */
  readonly hive: number;
  /** Bytes of system memory. */
  readonly system: number;
  /** It has no memory of its own. */
  readonly apu: boolean;
  /** The processor reads and writes its memory where it is. */
  readonly coherent: boolean;
  /** CPU faults of this process that brought memory of this GPU home, so far. */
  readonly cpu_faults: number;
}

export interface MemoryException {
  readonly va: number;
  readonly gpu_id: number;
}

type PacketFields = Parameters<typeof uapi.encodeStruct<'op' | 'data' | 'dst' | 'src' | 'size'>>[1];

export const copyPacket = (dst: number, src: number, size: number): PacketFields => ({
  op: uapi.SIM_OP_COPY,
  dst,
  src,
  size,
});
export const fillPacket = (dst: number, size: number, data: number): PacketFields => ({
  op: uapi.SIM_OP_FILL,
  dst,
  size,
  data,
});
export const writePacket = (dst: number, data: number): PacketFields => ({
  op: uapi.SIM_OP_WRITE,
  dst,
  data,
});
export const wavesPacket = (stop: number, table: number, count: number, data: number): PacketFields => ({
  op: uapi.SIM_OP_WAVES,
  dst: stop,
  src: table,
  size: count * 8,
  data,
});

export class Hsakmt {
  private constructor(
    private readonly sys: Sys,
    private readonly fd: number,
    private readonly files: readonly number[],
    private readonly scratch: number,
    /** By number, from 1 in the original: node 0 is the processor. */
    readonly gpus: readonly number[],
  ) {}

  /** hsaKmtOpenKFD(). Return: null where there is no /dev/kfd. */
  static *open(sys: Sys): Task<Hsakmt | null> {
    const fd = yield* sys.open('/dev/kfd', O_RDWR);
    if (fd < 0) return null;
    const scratch = yield* sys.malloc(SCRATCH);
    const nodes = new Hsakmt(sys, fd, [], scratch, []);
    const gpus = yield* nodes.apertures();
    const files: number[] = [];
    for (const [n, gpu_id] of gpus.entries()) {
      const drm_fd = yield* sys.open(`/dev/dri/renderD${128 + n}`, O_RDWR);
      const args = uapi.encodeStruct(uapi.KFD_ACQUIRE_VM, { drm_fd, gpu_id });
      yield* nodes.ioctl(uapi.AMDKFD_IOC_ACQUIRE_VM, args);
      files.push(drm_fd);
    }
    return new Hsakmt(sys, fd, files, scratch, gpus);
  }

  /** hsaKmtCloseKFD(), by the process that opened it or by a child that has its files. */
  *close(sys: Sys): Task {
    for (const file of [...this.files, this.fd]) yield* sys.close(file);
    yield* sys.free(this.scratch);
  }

  /** The struct goes to the kernel, and comes back into `bytes`. Interrupted requests are made again. */
  private *ioctl(request: number, bytes: Uint8Array): Task<number> {
    const { sys, fd, scratch } = this;
    yield* sys.storeBytes(scratch, bytes);
    let ret: number;
    do ret = yield* sys.ioctl(fd, request, scratch);
    while (ret === -EAGAIN || ret === -EINTR);
    bytes.set(yield* sys.loadBytes(scratch, bytes.length));
    return ret;
  }

  private *apertures(): Task<number[]> {
    const { size } = uapi.KFD_PROCESS_DEVICE_APERTURES;
    const at = this.scratch + PACKETS_AT;
    const args = uapi.encodeStruct(uapi.KFD_GET_PROCESS_APERTURES_NEW, {
      kfd_process_device_apertures_ptr: at,
      num_of_nodes: MAX_GPUS,
    });
    yield* this.ioctl(uapi.AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, args);
    const { num_of_nodes } = uapi.decodeStruct(uapi.KFD_GET_PROCESS_APERTURES_NEW, args);
    const gpus: number[] = [];
    for (let n = 0; n < num_of_nodes; n++) {
      const bytes = yield* this.sys.loadBytes(at + n * size, size);
      gpus.push(uapi.decodeStruct(uapi.KFD_PROCESS_DEVICE_APERTURES, bytes).gpu_id);
    }
    return gpus;
  }

  *node(gpu_id: number): Task<Node> {
    const bytes = uapi.encodeStruct(uapi.KFD_SIM_NODE, { gpu_id });
    yield* this.ioctl(uapi.AMDKFD_IOC_SIM_NODE, bytes);
    const told = uapi.decodeStruct(uapi.KFD_SIM_NODE, bytes);
    return { ...told, apu: told.apu !== 0, coherent: told.coherent !== 0 };
  }

  *version(): Task<{ readonly major: number; readonly minor: number }> {
    const bytes = new Uint8Array(uapi.KFD_GET_VERSION.size);
    yield* this.ioctl(uapi.AMDKFD_IOC_GET_VERSION, bytes);
    const { major_version, minor_version } = uapi.decodeStruct(uapi.KFD_GET_VERSION, bytes);
    return { major: major_version, minor: minor_version };
  }

  // --- shared virtual memory ----------------------------------------------------------------------------------

  /** hsaKmtSVMSetAttr(). */
  *svmSet(addr: number, size: number, attrs: readonly uapi.SvmAttribute[]): Task<number> {
    const bytes = uapi.encodeSvm(uapi.KFD_IOCTL_SVM_OP_SET_ATTR, addr, size, attrs);
    return yield* this.ioctl(uapi.AMDKFD_IOC_SVM(attrs.length), bytes);
  }

  /** hsaKmtSVMGetAttr(). Return: the attributes filled in, or a negative errno. */
  *svmGet(
    addr: number,
    size: number,
    attrs: readonly uapi.SvmAttribute[],
  ): Task<uapi.SvmAttribute[] | number> {
    const bytes = uapi.encodeSvm(uapi.KFD_IOCTL_SVM_OP_GET_ATTR, addr, size, attrs);
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_SVM(attrs.length), bytes);
    return ret < 0 ? ret : uapi.decodeSvmAttributes(bytes, attrs.length);
  }

  /** hsaKmtGetXNACKMode(). */
  *xnackMode(): Task<number> {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_SET_XNACK_MODE, bytes);
    return ret < 0 ? ret : bytes[0]!;
  }

  /** hsaKmtSetXNACKMode(). */
  *setXnackMode(enable: number): Task<number> {
    return yield* this.ioctl(uapi.AMDKFD_IOC_SET_XNACK_MODE, Uint8Array.of(enable, 0, 0, 0));
  }

  // --- queues ---------------------------------------------------------------------------------------------------

  /** Return: the queue's id, or a negative errno. */
  *createQueue(gpu_id: number, queue_type: number = uapi.KFD_IOC_QUEUE_TYPE_SDMA): Task<number> {
    const bytes = uapi.encodeStruct(uapi.KFD_CREATE_QUEUE, { gpu_id, queue_type });
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_CREATE_QUEUE, bytes);
    return ret < 0 ? ret : uapi.decodeStruct(uapi.KFD_CREATE_QUEUE, bytes).queue_id;
  }

  *destroyQueue(queue_id: number): Task<number> {
    const bytes = uapi.encodeStruct(uapi.KFD_DESTROY_QUEUE, { queue_id });
    return yield* this.ioctl(uapi.AMDKFD_IOC_DESTROY_QUEUE, bytes);
  }

  *submit(queue_id: number, packets: readonly PacketFields[]): Task<number> {
    const { size } = uapi.SIM_PACKET;
    const at = this.scratch + PACKETS_AT;
    for (const [n, packet] of packets.entries()) {
      yield* this.sys.storeBytes(at + n * size, uapi.encodeStruct(uapi.SIM_PACKET, packet));
    }
    const args = uapi.encodeStruct(uapi.KFD_SIM_SUBMIT, { packets: at, queue_id, count: packets.length });
    return yield* this.ioctl(uapi.AMDKFD_IOC_SIM_SUBMIT, args);
  }

  /** Wait until the queue has done all. Return: whether it has within the time. */
  *wait(queue_id: number, timeout: number = QUEUE_TIMEOUT): Task<boolean> {
    const bytes = uapi.encodeStruct(uapi.KFD_SIM_WAIT, { queue_id, timeout });
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_SIM_WAIT, bytes);
    return ret === 0 && uapi.decodeStruct(uapi.KFD_SIM_WAIT, bytes).done === 1;
  }

  // --- events -----------------------------------------------------------------------------------------------------

  /** An event of memory exceptions. Return: its id. */
  *createMemoryEvent(): Task<number> {
    const bytes = uapi.encodeStruct(uapi.KFD_CREATE_EVENT, {
      event_type: uapi.KFD_IOC_EVENT_MEMORY,
      auto_reset: 1,
    });
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_CREATE_EVENT, bytes);
    return ret < 0 ? ret : uapi.decodeStruct(uapi.KFD_CREATE_EVENT, bytes).event_id;
  }

  /** Return: null when nothing happened within `timeout` milliseconds. */
  *waitMemoryEvent(event_id: number, timeout: number): Task<MemoryException | null> {
    const events_ptr = this.scratch + PACKETS_AT;
    yield* this.sys.storeBytes(events_ptr, uapi.encodeStruct(uapi.KFD_EVENT_DATA, { event_id }));
    const args = uapi.encodeStruct(uapi.KFD_WAIT_EVENTS, { events_ptr, num_events: 1, timeout });
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_WAIT_EVENTS, args);
    const { wait_result } = uapi.decodeStruct(uapi.KFD_WAIT_EVENTS, args);
    if (ret !== 0 || wait_result !== uapi.KFD_IOC_WAIT_RESULT_COMPLETE) return null;
    const data = yield* this.sys.loadBytes(events_ptr, uapi.KFD_EVENT_DATA.size);
    const { va, gpu_id } = uapi.decodeStruct(uapi.KFD_EVENT_DATA, data);
    return { va, gpu_id };
  }

  /** hsaKmtOpenSMI(). Return: a descriptor, or a negative errno. */
  *openSmi(gpuid: number): Task<number> {
    const bytes = uapi.encodeStruct(uapi.KFD_SMI_EVENTS, { gpuid });
    const ret = yield* this.ioctl(uapi.AMDKFD_IOC_SMI_EVENTS, bytes);
    return ret < 0 ? ret : uapi.decodeStruct(uapi.KFD_SMI_EVENTS, bytes).anon_fd;
  }
}

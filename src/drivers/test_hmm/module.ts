// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, module and file operations. Fidelity: ported. */
import type { FileOperations, FileTable, OpenFile } from '../../fs/file.js';
import type { Generation } from '../../generations/types.js';
import type { CommandKind, DriverCommand } from '../../kernel/driver-events.js';
import type { Kernel } from '../../mm/kernel.js';
import { insert_page } from '../../mm/memory.js';
import { vma_dummy_vm_ops } from '../../mm/mmap.js';
import { mmu_interval_notifier_insert, mmu_interval_notifier_remove } from '../../mm/mmu_notifier.js';
import { put_page, UNMOVABLE } from '../../mm/page_alloc.js';
import { type MmStruct, VM_MIXEDMAP, type VmArea } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import type { U64 } from '../../sim/bytes.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE } from '../../sim/memmap.js';
import { done, type Task } from '../../sim/task.js';
import type { DmirrorFields } from '../../uapi/dmirror_cmd.js';
import { EEXIST, EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  type DmirrorOp,
  dmirrorRequest,
  HMM_DMIRROR_FLAG_FAIL_ALLOC,
  HMM_DMIRROR_MEMORY_DEVICE_COHERENT,
  HMM_DMIRROR_MEMORY_DEVICE_PRIVATE,
} from '../../uapi/test_hmm_uapi.js';
import {
  dmirror_allocate_chunk,
  dmirror_device_evict_chunk,
  dmirror_device_remove,
  dmirror_device_remove_chunks,
} from './devmem.js';
import { Dmirror, type DmirrorCmd, DmirrorDevice, type DmirrorModule } from './dmirror.js';
import { dmirror_check_atomic, dmirror_exclusive } from './exclusive.js';
import { dmirror_min_ops, dmirror_read, dmirror_read_unlocked, dmirror_write } from './fault.js';
import { dmirror_migrate_to_device, dmirror_migrate_to_system } from './migrate.js';
import { dmirror_snapshot } from './snapshot.js';

/** The mirror covers every user address. */
const WHOLE_ADDRESS_SPACE = 2 ** 64 - PAGE_SIZE;

// --- file operations ------------------------------------------------------------------------------------

// biome-ignore lint/correctness/useYield: open() may sleep in other drivers.
function* dmirror_fops_open(mdevice: DmirrorDevice, file: OpenFile, mm: MmStruct): Task<number> {
  const dmirror = new Dmirror(mdevice);
  const err = mmu_interval_notifier_insert(dmirror.notifier, mm, 0, WHOLE_ADDRESS_SPACE, dmirror_min_ops);
  if (err !== 0) return err;
  file.private_data = dmirror;
  return 0;
}

function* dmirror_fops_release(file: OpenFile): Task {
  const dmirror = file.private_data as Dmirror;
  const { mdevice } = dmirror;
  yield* mmu_interval_notifier_remove(dmirror.notifier);
  if (mdevice.module.kernel.behaviour.closeEvicts) {
    for (const chunk of [...mdevice.chunks]) yield* dmirror_device_evict_chunk(chunk);
  }
  dmirror.pt.xa_destroy();
  mdevice.module.mirrors[dmirror.id] = null;
}

/** Map fresh kernel pages, as a driver does whose memory is not the page cache's (VM_MIXEDMAP). */
function dmirror_fops_mmap(k: Kernel, vma: VmArea): number {
  vma.vm_flags |= VM_MIXEDMAP;
  for (let addr = vma.vm_start; addr < vma.vm_end; addr += PAGE_SIZE) {
    const page = k.pages.alloc_page(UNMOVABLE);
    if (page === NO_PAGE) return -ENOMEM;
    insert_page(vma, addr, page);
    put_page(k, page);
  }
  return 0;
}

/** The range that the caller's struct names, after the checks of dmirror_fops_unlocked_ioctl; or -EINVAL. */
function checked_cmd(fields: DmirrorFields, overflowChecked: boolean): DmirrorCmd | number {
  const addr = Number(fields.addr);
  if (offset_in_page(fields.addr) !== 0) return -EINVAL;
  const size = byte_length(fields.npages, overflowChecked);
  const end = addr + size;
  if (size < 0 || addr >= (end >= 2 ** 64 ? end - 2 ** 64 : end)) return -EINVAL;
  const { alloc_to_devmem } = fields;
  const { npages } = fields;
  const ptr = Number(fields.ptr);
  return { addr, ptr, size, npages, cpages: 0, faults: 0, zone_device_type: 0, alloc_to_devmem };
}

function offset_in_page(addr: U64): number {
  return typeof addr === 'bigint' ? Number(addr & 0xfffn) : addr % PAGE_SIZE;
}

/** npages << PAGE_SHIFT: the upper 12 bits are lost, as in C; -1 where that is checked and refused. */
function byte_length(npages: U64, overflowChecked: boolean): number {
  if (npages >= 2 ** 52 && overflowChecked) return -1;
  // Multiples of 4,096 below 2^64 are exact in a double.
  return Number(typeof npages === 'bigint' ? BigInt.asUintN(52, npages) : npages % 2 ** 52) * PAGE_SIZE;
}

/** What each ioctl does, by the name that the generation's table gives its number. */
function dispatch(op: DmirrorOp, dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  switch (op) {
    case 'READ':
      return dmirror_read(dmirror, mm, cmd);
    case 'READ_UNLOCKED':
      return dmirror_read_unlocked(dmirror, mm, cmd);
    case 'FLAGS':
      dmirror.failAlloc = (BigInt(cmd.npages) & BigInt(HMM_DMIRROR_FLAG_FAIL_ALLOC)) !== 0n;
      return done(0);
    case 'WRITE':
      return dmirror_write(dmirror, mm, cmd);
    case 'MIGRATE':
      return cmd.alloc_to_devmem
        ? dmirror_migrate_to_device(dmirror, mm, cmd)
        : dmirror_migrate_to_system(dmirror, cmd);
    case 'MIGRATE_TO_DEV':
      return dmirror_migrate_to_device(dmirror, mm, cmd);
    case 'MIGRATE_TO_SYS':
      return dmirror_migrate_to_system(dmirror, cmd);
    case 'SNAPSHOT':
      return dmirror_snapshot(dmirror, mm, cmd);
    case 'EXCLUSIVE':
      return dmirror_exclusive(dmirror, mm, cmd);
    case 'CHECK_EXCLUSIVE':
      return done(dmirror_check_atomic(dmirror, cmd));
    case 'RELEASE':
      return dmirror_release_chunks(dmirror);
    case 'GET_MEM_DEV_TYPE':
      cmd.zone_device_type =
        dmirror.mdevice.zone_device_type === 'private'
          ? HMM_DMIRROR_MEMORY_DEVICE_PRIVATE
          : HMM_DMIRROR_MEMORY_DEVICE_COHERENT;
      return done(0);
  }
}

function* dmirror_release_chunks(dmirror: Dmirror): Task<number> {
  yield* dmirror_device_remove_chunks(dmirror.mdevice);
  return 0;
}

const COMMAND_KINDS: Readonly<Record<DmirrorOp, CommandKind | null>> = {
  READ: 'read',
  READ_UNLOCKED: 'read',
  FLAGS: null,
  WRITE: 'write',
  MIGRATE: 'migrate',
  MIGRATE_TO_DEV: 'migrate',
  MIGRATE_TO_SYS: 'migrate',
  SNAPSHOT: 'snapshot',
  EXCLUSIVE: 'exclusive',
  CHECK_EXCLUSIVE: 'check-exclusive',
  RELEASE: null,
  GET_MEM_DEV_TYPE: null,
};

const DECIDING: Readonly<Record<CommandKind, string>> = {
  read: 'dmirror_do_read',
  write: 'dmirror_do_write',
  migrate: 'dmirror_devmem_fault_alloc_and_copy',
  snapshot: 'dmirror_range_snapshot',
  exclusive: 'dmirror_exclusive',
  'check-exclusive': 'dmirror_check_atomic',
};

/** The command as others see it. */
function dmirror_command(op: DmirrorOp, alloc_to_devmem: boolean): DriverCommand {
  const does = COMMAND_KINDS[op];
  const toDevice = op === 'MIGRATE_TO_DEV' || alloc_to_devmem;
  const text = op === 'MIGRATE' ? `MIGRATE to ${toDevice ? 'device' : 'system'}` : op;
  let fn = does === null ? 'dmirror_fops_unlocked_ioctl' : DECIDING[does];
  if (does === 'migrate' && toDevice) fn = 'dmirror_migrate_alloc_and_copy';
  return { name: op, text, does, toDevice, fn, reader: 'dmirror_do_read' };
}

/** dispatch(), with the beginning and the end of the command told to whoever traces. */
function* traced_dispatch(op: DmirrorOp, dmirror: Dmirror, caller: MmStruct, cmd: DmirrorCmd): Task<number> {
  const { mm } = dmirror.notifier;
  const k = mm.kernel;
  const command = dmirror_command(op, cmd.alloc_to_devmem);
  const { mdevice, id: file } = dmirror;
  const to_device = Number(command.toDevice);
  const args = { cmd: op, device: mdevice.name, file, pages: cmd.size / PAGE_SIZE, to_device };
  const about = { fn: 'dmirror_fops_unlocked_ioctl', mm, addr: cmd.addr };
  k.note({ ...about, event: 'driver_command', tracepoint: 'dmirror_ioctl', command, args });
  const ret = yield* dispatch(op, dmirror, caller, cmd);
  const answer = { ...args, ret, cpages: cmd.cpages, faults: cmd.faults };
  k.note({ ...about, event: 'driver_command_end', tracepoint: 'dmirror_ioctl_end', ret, args: answer });
  return ret;
}

function* dmirror_fops_unlocked_ioctl(
  requests: Requests,
  file: OpenFile,
  mm: MmStruct,
  command: number,
  arg: number,
): Task<number> {
  const dmirror = file.private_data as Dmirror;
  const { generation } = dmirror.mdevice.module;
  const { uapi } = generation;
  const bytes = yield* copy_from_user(mm, arg, uapi.cmd.size);
  if (bytes === null) return -EFAULT;
  const cmd = checked_cmd(uapi.cmd.decode(bytes), generation.behaviours.npagesOverflowChecked);
  if (typeof cmd === 'number') return cmd;
  const op = requests.get(command);
  if (op === undefined) return -EINVAL;
  const traced = dmirror.mdevice.module.kernel.trace !== null;
  const ret = yield* (traced ? traced_dispatch : dispatch)(op, dmirror, mm, cmd);
  if (ret !== 0) return ret;
  uapi.cmd.putAnswer(bytes, cmd);
  return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
}

// --- module -----------------------------------------------------------------------------------------------

type Requests = ReadonlyMap<number, DmirrorOp>;

const knownRequests = new WeakMap<Generation, Requests>();

/** What each ioctl number of a generation does. */
function requestsOf(generation: Generation): Requests {
  const known = knownRequests.get(generation);
  if (known !== undefined) return known;
  const { uapi, behaviours } = generation;
  const requests = new Map<number, DmirrorOp>();
  for (const op of Object.keys(uapi.nr) as DmirrorOp[]) {
    const collides = uapi.nr[op] === 4 && !behaviours.ioctl4IsGetMemDevType;
    requests.set(dmirrorRequest(uapi, op)!, collides ? 'EXCLUSIVE' : op);
  }
  knownRequests.set(generation, requests);
  return requests;
}

/** The operations of /dev/hmm_dmirror<minor>. */
export function dmirror_fops(module: DmirrorModule, minor: number): FileOperations {
  const mdevice = module.devices[minor]!;
  const requests = requestsOf(module.generation);
  return {
    name: mdevice.name,
    open: (file, mm) => dmirror_fops_open(mdevice, file, mm),
    release: dmirror_fops_release,
    unlocked_ioctl: (file, mm, cmd, arg) => dmirror_fops_unlocked_ioctl(requests, file, mm, cmd, arg),
    ...(module.generation.behaviours.deviceFileMaps
      ? {
          source: (file) => ({
            file,
            ops: vma_dummy_vm_ops,
            mmap: (vma) => dmirror_fops_mmap(module.kernel, vma),
          }),
        }
      : {}),
  };
}

export interface ModuleParams {
  readonly spm_addr_dev0: number;
  readonly spm_addr_dev1: number;
}

/** open() of a device whose module is gone: its struct cdev was in the module's memory. */
function stray_fops(name: string): FileOperations {
  return {
    name,
    // biome-ignore lint/correctness/useYield: it ends before it could sleep
    *open() {
      throw new KernelBug(
        'cdev_get',
        `page fault: the cdev of ${name} went with its module, which failed to load`,
      );
    },
  };
}

/** Context: may sleep. Return: 0, or -errno; the device's file may stay all the same. */
function* dmirror_device_init(mdevice: DmirrorDevice): Task<number> {
  const { files, generation } = mdevice.module;
  const path = `/dev/${mdevice.name}`;
  if (files.strays.has(path)) return -EEXIST;
  const err = yield* dmirror_allocate_chunk(mdevice, false);
  if (err !== 0 && generation.behaviours.failedDeviceStays) files.strays.set(path, stray_fops(mdevice.name));
  return err;
}

/** hmm_dmirror_init(). Context: may sleep. Return: the module, or -errno. */
export function* hmm_dmirror_init(
  kernel: Kernel,
  files: FileTable,
  generation: Generation,
  params: ModuleParams,
): Task<DmirrorModule | number> {
  // Id 0 is nobody: the zone_device_data of a page that no mirror has touched.
  const module: DmirrorModule = {
    kernel,
    files,
    generation,
    ...params,
    devices: [],
    mirrors: [null],
  };
  const { spmSelectsType } = generation.behaviours;
  const spm = params.spm_addr_dev0 !== 0 && params.spm_addr_dev1 !== 0;
  module.devices.push(new DmirrorDevice(module, 0, 'private'), new DmirrorDevice(module, 1, 'private'));
  if (spm && !spmSelectsType) {
    module.devices.push(new DmirrorDevice(module, 2, 'coherent'), new DmirrorDevice(module, 3, 'coherent'));
  }
  for (const [n, mdevice] of module.devices.entries()) {
    const err = yield* dmirror_device_init(mdevice);
    if (err === 0) continue;
    for (let done = n - 1; done >= 0; done--) yield* dmirror_device_remove(module.devices[done]!);
    return err;
  }
  kernel.printk('HMM test module loaded. This is only for testing HMM.');
  return module;
}

/** hmm_dmirror_exit(). Context: may sleep for ever, when somebody keeps a device page. */
export function* hmm_dmirror_exit(module: DmirrorModule): Task {
  for (const mdevice of module.devices) yield* dmirror_device_remove(mdevice);
}

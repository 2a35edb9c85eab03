// SPDX-License-Identifier: GPL-2.0-only
/**
 * The dummy driver of HMM v25 as a machine knows it: devices that mirror the address spaces of their users, and have memory of
 * their own. Written for this simulator against the interface of the posting.
 */
import type { FileOperations, OpenFile } from '../../fs/file.js';
import { simple_read_from_buffer } from '../../fs/libfs.js';
import type { CommandKind } from '../../kernel/driver-events.js';
import type {
  Device,
  DeviceAccess,
  DeviceEntry,
  Driver,
  DriverHost,
  DriverModule,
  DriverStep,
  DriverView,
} from '../../kernel/module.js';
import { telling } from '../../kernel/told-command.js';
import { hmm_mirror_register, hmm_mirror_unregister } from '../../mm/hmm_mirror.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import type { Task } from '../../sim/task.js';
import { EFAULT, EINVAL, ENOENT } from '../../uapi/errno.js';
import { HMM_DMIRROR_FAULT, HMM_DMIRROR_FAULT_WRITE, hmm_dmirror_cmd } from '../../uapi/hmm_dmirror.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { type DmirrorOp, type DmirrorUapi, dmirrorRequest } from '../../uapi/test_hmm_uapi.js';
import { dmirror_device_init, dmirror_device_remove } from './devmem.js';
import {
  backing_of,
  Dmirror,
  type DmirrorCmd,
  DmirrorDevice,
  type DmirrorModule,
  device_of,
} from './dmirror.js';
import { dmirror_access, dmirror_fault, dmirror_snapshot, mirror_ops } from './fault.js';
import { dmirror_migrate } from './migrate.js';
import { hmm_dmirror_info } from './modinfo.js';

/** Pages of one command. */
const MAX_PAGES = 2 ** 20;

type Command = DmirrorOp | 'FAULT' | 'FAULT_WRITE';

/** What is told of each command. */
const COMMANDS: Partial<Record<Command, { does: CommandKind; toDevice?: boolean; fn: string }>> = {
  READ: { does: 'read', fn: 'hmm_vma_fault' },
  WRITE: { does: 'write', fn: 'hmm_vma_fault' },
  MIGRATE_TO_DEV: { does: 'migrate', toDevice: true, fn: 'dmirror_migrate_alloc_and_copy' },
  MIGRATE_TO_SYS: { does: 'migrate', fn: 'dmirror_fault_alloc_and_copy' },
  SNAPSHOT: { does: 'snapshot', fn: 'hmm_vma_get_pfns' },
  FAULT: { does: 'read', fn: 'hmm_vma_fault' },
  FAULT_WRITE: { does: 'write', fn: 'hmm_vma_fault' },
};

function commandOf(uapi: DmirrorUapi, request: number): Command | undefined {
  if (request === HMM_DMIRROR_FAULT) return 'FAULT';
  if (request === HMM_DMIRROR_FAULT_WRITE) return 'FAULT_WRITE';
  return (Object.keys(uapi.nr) as DmirrorOp[]).find((op) => dmirrorRequest(uapi, op) === request);
}

// --- file operations ---------------------------------------------------------------------------------------------

function* open(mdevice: DmirrorDevice, file: OpenFile, mm: MmStruct): Task<number> {
  const { module } = mdevice;
  const dmirror: Dmirror = new Dmirror(
    mdevice,
    mm,
    module.nextId++,
    mirror_ops(() => dmirror),
  );
  yield* mm.mmap_lock.down_write('dmirror_fops_open');
  hmm_mirror_register(dmirror.mirror, mm);
  mm.mmap_lock.up_write();
  file.private_data = dmirror;
  module.mirrors.set(dmirror.id, dmirror);
  return 0;
}

// biome-ignore lint/correctness/useYield: closing may sleep in other drivers.
function* release(file: OpenFile): Task {
  const dmirror = file.private_data as Dmirror;
  hmm_mirror_unregister(dmirror.mirror);
  dmirror.mdevice.module.mirrors.delete(dmirror.id);
}

function* serve(op: Command, dmirror: Dmirror, caller: MmStruct, cmd: DmirrorCmd): Task<number> {
  if (op === 'READ' || op === 'WRITE') return yield* dmirror_access(dmirror, caller, cmd, op === 'WRITE');
  if (op === 'FAULT' || op === 'FAULT_WRITE')
    return yield* dmirror_fault(dmirror, cmd.addr, cmd.end, op === 'FAULT_WRITE');
  if (op === 'SNAPSHOT') return yield* dmirror_snapshot(dmirror, caller, cmd);
  const ret = yield* dmirror_migrate(dmirror, cmd, op === 'MIGRATE_TO_DEV');
  if (ret !== 0 || op !== 'MIGRATE_TO_DEV') return ret;
  // What is there now, read through the device.
  return yield* dmirror_access(dmirror, caller, cmd, false, false);
}

function* ioctl(file: OpenFile, caller: MmStruct, request: number, arg: number): Task<number> {
  const dmirror = file.private_data as Dmirror;
  const { mm, id, mdevice } = dmirror;
  const { uapi } = mdevice.module.generation;
  const bytes = yield* copy_from_user(caller, arg, uapi.cmd.size);
  if (bytes === null) return -EFAULT;
  const fields = uapi.cmd.decode(bytes);
  const [addr, pages, ptr] = [Number(fields.addr), Number(fields.npages), Number(fields.ptr)];
  if (addr % PAGE_SIZE !== 0 || pages < 1 || pages > MAX_PAGES) return -EINVAL;
  const op = commandOf(uapi, request);
  const command = op === undefined ? undefined : COMMANDS[op];
  if (op === undefined || command === undefined) return -EINVAL;
  const cmd: DmirrorCmd = { addr, end: addr + pages * PAGE_SIZE, ptr, cpages: 0, faults: 0 };
  const told = { ...command, mm, addr, pages, name: op, device: mdevice.name, file: id };
  const ret = yield* telling(told, serve(op, dmirror, caller, cmd));
  if (ret !== 0) return ret;
  uapi.cmd.putAnswer(bytes, { cpages: cmd.cpages, faults: cmd.faults, zone_device_type: 0 });
  return (yield* copy_to_user(caller, arg, bytes)) ? 0 : -EFAULT;
}

/** What udev reads of the class device. */
function uevent({ hmm_device, name }: DmirrorDevice): FileOperations {
  const text = `DEVNAME=${name}\nMINOR=${hmm_device.minor}\n`;
  return {
    name: 'uevent',
    read: (_file, mm, buf, count, pos) => simple_read_from_buffer(mm, buf, count, pos, text),
  };
}

// --- steps -------------------------------------------------------------------------------------------------------

const faulting = (request: number, help: string): DriverStep => ({
  request,
  help,
  encode: ({ addr, pages, ptr }) =>
    hmm_dmirror_cmd.encode(new Uint8Array(hmm_dmirror_cmd.size), { addr, npages: pages, ptr }),
});

const steps = {
  FAULT: faulting(HMM_DMIRROR_FAULT, 'pages come into the page table of the device, to read'),
  FAULT_WRITE: faulting(HMM_DMIRROR_FAULT_WRITE, 'the same, to write'),
};

// --- the driver --------------------------------------------------------------------------------------------------

const NO_ACCESS: readonly DeviceAccess[] = [];

class HmmDmirrorView implements DriverView {
  readonly devices: readonly Device[];

  constructor(private readonly module: DmirrorModule) {
    this.devices = module.devices.map(({ name, minor }) => ({
      name,
      minor,
      migrate_to_ram: 'dmirror_fault',
    }));
  }

  deviceOf(page: number): Device | null {
    const mdevice = device_of(this.module.kernel, page);
    return mdevice === null ? null : this.devices[mdevice.minor]!;
  }

  backingOf(page: number): number {
    return backing_of(this.module.kernel, page);
  }

  accesses(mm: MmStruct, addr: number): readonly DeviceAccess[] {
    const found = new Map<number, DeviceAccess>();
    for (const mirror of this.module.mirrors.values()) {
      const pte = mirror.mm === mm ? mirror.pt.get(addr / PAGE_SIZE) : undefined;
      const { minor } = mirror.mdevice;
      if (pte === undefined || found.get(minor)?.access === 'rw') continue;
      found.set(minor, { device: this.devices[minor]!, access: pte.write ? 'rw' : 'r' });
    }
    if (found.size === 0) return NO_ACCESS;
    return [...found.values()].sort((a, b) => a.device.minor - b.device.minor);
  }

  knows(file: number, addr: number): boolean {
    return this.module.mirrors.get(file)?.pt.has(addr / PAGE_SIZE) ?? false;
  }

  openFiles(): number {
    return this.module.mirrors.size;
  }

  *entries(): Iterable<DeviceEntry> {
    for (const { mm, mdevice, pt } of this.module.mirrors.values()) {
      if (mm.mm_users === 0) continue;
      const device = this.devices[mdevice.minor]!;
      for (const [index, { page, write }] of pt) yield { device, mm, addr: index * PAGE_SIZE, page, write };
    }
  }
}

class HmmDmirror implements Driver {
  readonly name = 'hmm_dmirror';
  readonly files = new Map<string, FileOperations>();
  readonly view: DriverView;

  constructor(readonly module: DmirrorModule) {
    this.view = new HmmDmirrorView(module);
    for (const mdevice of module.devices) {
      const { name } = mdevice;
      const f_op = { name, release, unlocked_ioctl: ioctl };
      this.files.set(`/dev/${name}`, { ...f_op, open: (file, mm) => open(mdevice, file, mm) });
      this.files.set(`/sys/class/hmm_device/${mdevice.hmm_device.name}/uevent`, uevent(mdevice));
    }
  }
}

function* load(
  { kernel, generation }: DriverHost,
  params: Readonly<Record<string, string>>,
): Task<HmmDmirror | number> {
  // Symbols that later kernels do not have any more.
  if (!kernel.behaviour.driversUseMirrors) return -ENOENT;
  const module: DmirrorModule = { kernel, generation, devices: [], mirrors: new Map(), nextId: 1 };
  const addresses = [Number(params.spm_addr_dev0 ?? 0), Number(params.spm_addr_dev1 ?? 0)];
  const cdm = addresses.every((address) => address !== 0) ? addresses : [];
  for (const address of [0, 0, ...cdm]) {
    const mdevice = new DmirrorDevice(module, module.devices.length, address !== 0);
    const err = dmirror_device_init(mdevice, address);
    if (err !== 0) {
      for (const other of module.devices) yield* dmirror_device_remove(other);
      return err;
    }
    module.devices.push(mdevice);
  }
  return new HmmDmirror(module);
}

function* unload({ module }: HmmDmirror): Task {
  for (const mdevice of module.devices) yield* dmirror_device_remove(mdevice);
}

export const hmm_dmirror: DriverModule<HmmDmirror> = { ...hmm_dmirror_info, steps, load, unload };

// SPDX-License-Identifier: GPL-2.0-only
/** nouveau as a machine knows it: a render node, whose GPU accesses the memory of its clients. */

import type { FileOperations } from '../../fs/file.js';
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
import { type ToldCommand, telling } from '../../kernel/told-command.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_to_user } from '../../mm/uaccess.js';
import type { Task } from '../../sim/task.js';
import { type DriverRange, encodeDriverRange, putDriverAnswer } from '../../uapi/driver_range.js';
import { EBUSY, EFAULT, EINVAL, EIO, ENOSYS, ENOTTY } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { NOUVEAU_FILE, type NouveauRequest, nouveauAnswer, nouveauRequests } from '../../uapi/nouveau.js';
import { readDriverRange } from '../driver_range.js';
import { type GpuAccess, gpu_access } from './gpu.js';
import { nouveau_info, VRAM_DEFAULT } from './modinfo.js';
import { nouveau_dmem_fini } from './nouveau_dmem.js';
import { NouveauDrm, type NouveauSvmm } from './nouveau_drm.js';
import { nouveau_svmm_bind, nouveau_svmm_fini, nouveau_svmm_init } from './nouveau_svm.js';

const device: Device = { name: 'nouveau', minor: 0, migrate_to_ram: 'nouveau_dmem_migrate_to_ram' };

const requests = new Map(Object.entries(nouveauRequests).map(([name, nr]) => [nr, name as NouveauRequest]));

/** What is told of requests that concern pages. */
const told: Partial<Record<NouveauRequest, Pick<ToldCommand, 'does' | 'toDevice' | 'fn'>>> = {
  SVM_BIND: { does: 'migrate', toDevice: true, fn: 'nouveau_dmem_migrate_copy_one' },
  GPU_READ: { does: 'read', fn: 'nouveau_range_fault' },
  GPU_WRITE: { does: 'write', fn: 'nouveau_range_fault' },
  GPU_ATOMIC: { does: 'exclusive', fn: 'nouveau_atomic_range_fault' },
  GPU_PREFETCH: { does: 'read', fn: 'nouveau_range_fault' },
};

const ACCESSES: Partial<Record<NouveauRequest, GpuAccess>> = {
  GPU_READ: 'read',
  GPU_WRITE: 'write',
  GPU_ATOMIC: 'atomic',
  GPU_PREFETCH: 'prefetch',
};

/** struct nouveau_cli: an open file. */
interface Client {
  svmm: NouveauSvmm | null;
}

class Nouveau implements Driver {
  readonly name = 'nouveau';
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: DriverView;

  constructor(readonly drm: NouveauDrm) {
    this.files = new Map([[NOUVEAU_FILE, fops(drm)]]);
    this.view = {
      devices: [device],
      deviceOf: (page) => (drm.k.pgmapOf(page).owner === drm ? device : null),
      accesses: (mm, addr) => accesses(drm, mm, addr),
      knows: (file, addr) => drm.clients[file]?.vmm?.lookup(addr) !== undefined,
      openFiles: () => drm.clients.filter(({ vmm }) => vmm !== null).length,
      entries: () => entries(drm),
    };
  }
}

const NO_ACCESS: readonly DeviceAccess[] = [];

function accesses(drm: NouveauDrm, mm: MmStruct, addr: number): readonly DeviceAccess[] {
  const pte = drm.clients.find((svmm) => svmm.mm === mm && svmm.vmm !== null)?.vmm?.lookup(addr);
  if (pte === undefined) return NO_ACCESS;
  return [{ device, access: pte.atomic ? 'a' : pte.write ? 'rw' : 'r' }];
}

/** What the GPU's page tables have, of clients whose memory is still there. */
function* entries(drm: NouveauDrm): Iterable<DeviceEntry> {
  for (const { mm, vmm } of drm.clients) {
    if (vmm === null || mm.mm_users === 0) continue;
    for (const [addr, { page, write }] of vmm.entries()) yield { device, mm, addr, page, write };
  }
}

function fops(drm: NouveauDrm): FileOperations {
  return {
    name: 'nouveau',
    // biome-ignore lint/correctness/useYield: opening may sleep; this one has no need to.
    *open(file): Task<number> {
      const client: Client = { svmm: null };
      file.private_data = client;
      return 0;
    },
    unlocked_ioctl: (file, mm, cmd, arg) => ioctl(drm, file.private_data as Client, mm, cmd, arg),
    *release(file): Task {
      const { svmm } = file.private_data as Client;
      if (svmm !== null) yield* nouveau_svmm_fini(svmm);
    },
  };
}

function* ioctl(drm: NouveauDrm, client: Client, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const name = requests.get(cmd);
  if (name === undefined) return -ENOTTY;
  const request = yield* readDriverRange(mm, arg);
  if (typeof request === 'number') return request;
  const { bytes, range } = request;
  const { addr, npages } = range;
  if (name === 'SVM_INIT') {
    if (client.svmm !== null) return -EBUSY;
    client.svmm = nouveau_svmm_init(drm, mm);
    return 0;
  }
  const { svmm } = client;
  if (svmm === null) return name === 'SVM_BIND' ? -EINVAL : -ENOSYS;
  const body = serve(svmm, mm, name, range, bytes);
  const tell = told[name];
  const about = { mm: svmm.mm, addr, pages: npages, name, device: device.name, file: svmm.id };
  const ret = yield* tell === undefined ? body : telling({ ...about, ...tell }, body);
  if (ret < 0) return ret;
  return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
}

/** Return: 0 with the answer in `bytes`, or -errno; -EIO where the GPU's channel was killed. */
function* serve(
  svmm: NouveauSvmm,
  caller: MmStruct,
  name: NouveauRequest,
  range: DriverRange,
  bytes: Uint8Array,
): Task<number> {
  const access = ACCESSES[name];
  if (name === 'FAIL_COPY') svmm.drm.failing++;
  if (name === 'LOSE_COPY') svmm.drm.losing++;
  if (name === 'SVM_BIND') yield* nouveau_svmm_bind(svmm, range.addr, range.addr + range.npages * PAGE_SIZE);
  if (access === undefined) return 0;
  if (svmm.killed) return -EIO;
  const { done, faults } = yield* gpu_access(svmm, caller, access, range);
  putDriverAnswer(bytes, done, faults);
  return svmm.killed ? -EIO : 0;
}

const helps: Readonly<Record<NouveauRequest, string>> = {
  SVM_INIT: "the GPU shares the address space of the file's process",
  SVM_BIND: 'pages go to the memory of the GPU',
  GPU_READ: 'the GPU reads pages',
  GPU_WRITE: 'the GPU writes pages: WORD, WORD + 1 ...',
  GPU_ATOMIC: 'the GPU adds 1 to the first word of each page',
  GPU_PREFETCH: 'the GPU asks for entries, where there are pages',
  FAIL_COPY: 'the next copy to or from the GPU fails',
  LOSE_COPY: 'the next copy to or from the GPU is not done, and nobody hears of it',
};

const steps: Readonly<Record<string, DriverStep>> = Object.fromEntries(
  Object.entries(nouveauRequests).map(([name, request]) => [
    name,
    {
      request,
      help: helps[name as NouveauRequest],
      encode: ({ addr, pages, ptr }) => encodeDriverRange({ addr, npages: pages, ptr }),
      ...(name.startsWith('GPU_') ? { decode: nouveauAnswer } : {}),
      fillsBuffer: name === 'GPU_READ',
    } satisfies DriverStep,
  ]),
);

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel }: DriverHost, params: Readonly<Record<string, string>>): Task<Nouveau> {
  return new Nouveau(new NouveauDrm(kernel, Number(params.sim_vram ?? VRAM_DEFAULT)));
}

function unload({ drm }: Nouveau): Task {
  return nouveau_dmem_fini(drm);
}

export const nouveau: DriverModule<Nouveau> = { ...nouveau_info, steps, load, unload };

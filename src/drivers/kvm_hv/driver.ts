// SPDX-License-Identifier: GPL-2.0-only
/** kvm_hv as a machine knows it: secure guests of POWER, on whatever machine this is. */
import type {
  Device,
  Driver,
  DriverHost,
  DriverModule,
  DriverStep,
  DriverView,
} from '../../kernel/module.js';
import type { Task } from '../../sim/task.js';
import { encodeDriverRange } from '../../uapi/driver_range.js';
import { KVM_FILE, type KvmRequest, kvmAnswer, kvmRequests } from '../../uapi/kvm_hv.js';
import { kvm_hv_info, SECMEM_DEFAULT } from './modinfo.js';
import { KvmHv } from './module.js';
import { Uvmem } from './uvmem.js';

const device: Device = { name: 'kvmppc_uvmem', minor: 0, migrate_to_ram: 'kvmppc_uvmem_migrate_to_ram' };

class KvmHvDriver implements Driver {
  readonly name = 'kvm_hv';
  readonly files;
  readonly view: DriverView;

  constructor(readonly module: KvmHv) {
    this.files = new Map([[KVM_FILE, module.f_op]]);
    const { uvmem, guests } = module;
    this.view = {
      devices: uvmem === null ? [] : [device],
      deviceOf: (page) => (uvmem !== null && uvmem.k.pgmapOf(page) === uvmem.pagemap ? device : null),
      openFiles: () => guests.filter(({ gone }) => !gone).length,
    };
  }
}

const helps: Readonly<Record<KvmRequest, string>> = {
  SET_MEMORY: 'the range becomes memory of the guest, behind what it has',
  ENABLE_SECURE_GUEST: 'the guest may become secure',
  H_SVM_INIT_START: 'the guest begins to become secure',
  H_SVM_INIT_DONE: 'the guest is secure: what is neither secure nor shared yet becomes secure, empty',
  H_SVM_INIT_ABORT: 'the guest does not become secure: its pages come back, encrypted',
  H_SVM_PAGE_IN: 'pages of the guest become secure',
  H_SVM_PAGE_SHARE: 'pages of the guest become shared with the hypervisor',
  H_SVM_PAGE_OUT: 'pages of the guest come back to the hypervisor, encrypted',
  SVM_OFF: 'the guest is reset: its pages come back, without their contents',
  GUEST_READ: 'the guest reads pages of its memory',
  GUEST_WRITE: 'the guest writes pages of its memory: WORD, WORD + 1 ...',
};

const steps: Readonly<Record<string, DriverStep>> = Object.fromEntries(
  Object.entries(kvmRequests).map(([name, request]) => [
    name,
    {
      request,
      help: helps[name as KvmRequest],
      encode: ({ addr, pages, ptr }) => encodeDriverRange({ addr, npages: pages, ptr }),
      decode: kvmAnswer,
      fillsBuffer: name === 'GUEST_READ',
    } satisfies DriverStep,
  ]),
);

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel }: DriverHost, params: Readonly<Record<string, string>>): Task<KvmHvDriver | number> {
  const size = Number(params.sim_secmem ?? SECMEM_DEFAULT);
  if (size === 0) kernel.printk('KVMPPC-UVMEM: No support for secure guests');
  const uvmem = size === 0 ? null : Uvmem.init(kernel, size);
  return typeof uvmem === 'number' ? uvmem : new KvmHvDriver(new KvmHv(uvmem));
}

function* unload({ module }: KvmHvDriver): Task {
  if (module.uvmem !== null) yield* module.uvmem.free();
}

export const kvm_hv: DriverModule<KvmHvDriver> = { ...kvm_hv_info, steps, load, unload };

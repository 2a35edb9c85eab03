// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/dax/device.c: persistent memory that programs map as it is. Fidelity: simplified: no entry of 2 MiB. */
import type { FileOperations } from '../../fs/file.js';
import type { Device, Driver, DriverHost, DriverModule, DriverView } from '../../kernel/module.js';
import { dax_map } from '../../mm/dax.js';
import type { Kernel } from '../../mm/kernel.js';
import { type DevPagemap, init_dax_page } from '../../mm/memremap.js';
import {
  type AddressSpace,
  FAULT_FLAG_WRITE,
  VM_FAULT_SIGBUS,
  VM_MAYSHARE,
  type VmArea,
  type VmFault,
  type VmOperations,
} from '../../mm/types.js';
import { done, type Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { DEVDAX } from '../../uapi/pmem.js';
import { device_dax_info } from './modinfo.js';
import { add_region, remove_region, sizeOf } from './region.js';

/** struct dev_dax. */
class DevDax implements Driver {
  readonly name = device_dax_info.name;
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: DriverView;
  /** Of the device's inode, which all who open it map. */
  readonly mapping: AddressSpace;
  readonly vm_ops: VmOperations = { name: 'dev_dax', fault: (vmf) => dev_dax_fault(this, vmf) };

  constructor(
    readonly k: Kernel,
    readonly pgmap: DevPagemap,
  ) {
    const device: Device = { name: DEVDAX, minor: 0, migrate_to_ram: '' };
    this.mapping = k.newMapping('devdax', 0);
    this.files = new Map([[`/dev/${DEVDAX}`, this.#fops()]]);
    this.view = {
      devices: [device],
      deviceOf: (page) => (k.pgmapOf(page) === pgmap ? device : null),
    };
  }

  #fops(): FileOperations {
    return {
      name: 'dev_dax',
      open: (file) => {
        file.mapping = this.mapping;
        return done(0);
      },
      source: (file) => ({ file, ops: this.vm_ops, mmap: check_vma }),
    };
  }
}

/** Return: 0, or -EINVAL for a private mapping. */
function check_vma(vma: VmArea): number {
  return (vma.vm_flags & VM_MAYSHARE) === 0 ? -EINVAL : 0;
}

function dev_dax_fault({ k, pgmap, mapping }: DevDax, vmf: VmFault): Task<number> {
  if (vmf.pgoff >= pgmap.nr_pages) return done(VM_FAULT_SIGBUS);
  const page = pgmap.firstPage + vmf.pgoff;
  init_dax_page(k, page);
  // dax_set_mapping().
  k.mem.mapping[page] = -mapping.id;
  k.mem.index[page] = vmf.pgoff;
  return done(dax_map(vmf, page, (vmf.flags & FAULT_FLAG_WRITE) !== 0));
}

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel }: DriverHost, params: Readonly<Record<string, string>>): Task<DevDax | number> {
  const size = sizeOf(params);
  if (size === undefined) return -EINVAL;
  const pgmap = add_region(kernel, size, 'MEMORY_DEVICE_GENERIC', DEVDAX);
  return typeof pgmap === 'number' ? pgmap : new DevDax(kernel, pgmap);
}

function* unload({ k, pgmap, mapping }: DevDax): Task {
  yield* remove_region(k, pgmap);
  k.dropMapping(mapping);
}

export const device_dax: DriverModule<DevDax> = { ...device_dax_info, load, unload };

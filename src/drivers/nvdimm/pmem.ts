// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/nvdimm/pmem.c: block devices of persistent memory. Fidelity: simplified: no I/O to the device itself. */
import type { DaxDevice } from '../../fs/dax.js';
import type { FileOperations } from '../../fs/file.js';
import type { Device, Driver, DriverHost, DriverModule, DriverView } from '../../kernel/module.js';
import type { Kernel } from '../../mm/kernel.js';
import { WaitQueue } from '../../sim/executor.js';
import type { Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { PMEM_DEVICES } from '../../uapi/pmem.js';
import { nd_pmem_info } from './modinfo.js';
import { add_region, remove_region, sizeOf } from './region.js';

const device = (name: string, minor: number): Device => ({ name, minor, migrate_to_ram: '' });

class Pmem implements Driver {
  readonly name = nd_pmem_info.name;
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: DriverView;

  constructor(
    readonly k: Kernel,
    readonly disks: readonly DaxDevice[],
  ) {
    const devices = disks.map(({ name }, minor) => device(name, minor));
    this.files = new Map(disks.map((disk) => [`/dev/${disk.name}`, { name: disk.name, dax_device: disk }]));
    this.view = {
      devices,
      deviceOf: (page) => devices[disks.findIndex(({ pgmap }) => pgmap === k.pgmapOf(page))] ?? null,
    };
  }
}

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel }: DriverHost, params: Readonly<Record<string, string>>): Task<Pmem | number> {
  const size = sizeOf(params);
  if (size === undefined) return -EINVAL;
  const disks: DaxDevice[] = [];
  for (const name of PMEM_DEVICES) {
    const pgmap = add_region(kernel, size, 'MEMORY_DEVICE_FS_DAX', name);
    if (typeof pgmap === 'number') return pgmap;
    disks.push({ name, pgmap, fs: null });
  }
  return new Pmem(kernel, disks);
}

/** Waits for umount(), where rmmod would be refused. */
function* unload({ k, disks }: Pmem): Task {
  const never = new WaitQueue();
  while (disks.some(({ fs }) => fs !== null && fs.path !== null))
    yield* never.sleep(k.executor, 'delete_module');
  for (const { pgmap } of disks) yield* remove_region(k, pgmap);
}

export const nd_pmem: DriverModule<Pmem> = { ...nd_pmem_info, load, unload };

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/nvdimm/pmem.c and drivers/dax/device.c, what modinfo reads of them. */
import type { ModuleInfo, ModuleParameter } from '../../kernel/module.js';
import { DEVDAX, PMEM_DEVICES } from '../../uapi/pmem.js';

/** Bytes. */
export const SIZE_DEFAULT = 16 * 2 ** 20;

const parameters: readonly ModuleParameter[] = [
  {
    name: 'sim_size',
    type: 'long',
    description: () => 'bytes of a device, in whole 2 MiB (simulation only)',
  },
];

export const nd_pmem_info: ModuleInfo = {
  name: 'nd_pmem',
  init: 'nd_pmem_driver_init',
  license: 'GPL v2',
  parameters,
  description: () =>
    'persistent memory; here two devices behind all other memory, as memmap=SIZE!START makes them',
  devices: () => PMEM_DEVICES.map((name) => `/dev/${name} (fsdax: ext4, xfs or fuse is mounted with -o dax)`),
};

export const device_dax_info: ModuleInfo = {
  name: 'device_dax',
  init: 'dax_init',
  license: 'GPL v2',
  parameters,
  description: () => 'persistent memory that is mapped without a file system',
  devices: () => [`/dev/${DEVDAX} (devdax)`],
};

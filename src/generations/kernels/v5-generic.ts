// SPDX-License-Identifier: GPL-2.0-only
import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';
import { overrides61 } from './linux-6.1.js';

/** DEVICE_GENERIC v5 (August 2021) on the 6.1 core, with the oddities of the series. */
export const v5Generic: Generation = {
  id: 'v5-generic',
  title: 'DEVICE_GENERIC v5, August 2021',
  release: '5.14.0-rc5-generic-v5',
  uapi: {
    cmd: new DmirrorStruct([
      { name: 'zone_device_type', type: 'uint32_t' },
      { name: 'alloc_to_devmem', type: 'uint32_t' },
    ]),
    nr: { READ: 0, WRITE: 1, MIGRATE: 2, SNAPSHOT: 3, GET_MEM_DEV_TYPE: 4 },
  },
  suite: 'v5-generic',
  harness: '6.12',
  ndevices: 2,
  behaviours: resolve({
    ...overrides61,
    longtermMigratesCoherent: false,
    closeEvicts: false,
    mirrorGoneFails: false,
    spmSelectsType: true,
    nullResourceChecked: false,
    genericHasBackingPage: true,
    genericToSystemIsNoop: true,
    coherentHasSides: false,
    toSystemCountsPages: false,
    genericPagesAreMigratable: true,
  }),
  symbols: {},
  moduleDescription: null,
};

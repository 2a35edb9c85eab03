// SPDX-License-Identifier: GPL-2.0-only
import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';

/** DEVICE_GENERIC v5 (August 2021), on 5.13, which has no EXCLUSIVE yet; with the oddities of the series. */
export const v5Generic: Generation = {
  id: 'v5-generic',
  title: 'DEVICE_GENERIC v5, August 2021',
  version: '5.13',
  release: '5.13.0-generic-v5',
  uapi: {
    cmd: new DmirrorStruct([
      { name: 'zone_device_type', type: 'uint32_t' },
      { name: 'alloc_to_devmem', type: 'uint32_t' },
    ]),
    nr: { READ: 0, WRITE: 1, MIGRATE: 2, SNAPSHOT: 3, GET_MEM_DEV_TYPE: 4 },
  },
  suite: 'generic',
  harness: 'without-filters',
  ndevices: 2,
  behaviours: resolve({ version: '5.13', posting: 'v5-generic' }),
  symbols: {},
  moduleDescription: null,
};

// SPDX-License-Identifier: GPL-2.0-only
import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';

/** DEVICE_COHERENT v4 (January 2022), on 5.17-rc1. */
export const v4Coherent: Generation = {
  id: 'v4-coherent',
  title: 'DEVICE_COHERENT v4, January 2022',
  version: '5.17',
  release: '5.17.0-rc1-coherent-v4',
  uapi: {
    cmd: new DmirrorStruct([{ name: 'zone_device_type', type: 'uint64_t' }]),
    nr: {
      READ: 0,
      WRITE: 1,
      MIGRATE_TO_DEV: 2,
      MIGRATE_TO_SYS: 3,
      SNAPSHOT: 4,
      EXCLUSIVE: 5,
      CHECK_EXCLUSIVE: 6,
      GET_MEM_DEV_TYPE: 7,
    },
  },
  suite: 'coherent',
  harness: 'without-filters',
  ndevices: 4,
  behaviours: resolve({ version: '5.17', posting: 'v4-coherent' }),
  symbols: {},
  moduleDescription: null,
};

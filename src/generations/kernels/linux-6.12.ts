// SPDX-License-Identifier: GPL-2.0-only

import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import type { DmirrorUapi } from '../../uapi/test_hmm_uapi.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';

export const uapi6x: DmirrorUapi = {
  cmd: new DmirrorStruct(),
  nr: {
    READ: 0,
    WRITE: 1,
    MIGRATE_TO_DEV: 2,
    MIGRATE_TO_SYS: 3,
    SNAPSHOT: 4,
    EXCLUSIVE: 5,
    CHECK_EXCLUSIVE: 6,
    RELEASE: 7,
  },
};

/** Debian's build inlines dmirror_do_write into the ioctl. */
export const symbols6x = { dmirror_do_write: 'dmirror_fops_unlocked_ioctl' };

export const linux612: Generation = {
  id: '6.12',
  title: 'Linux 6.12 (Debian 6.12.117)',
  version: '6.12.117',
  release: '6.12.117',
  uapi: uapi6x,
  suite: 'released',
  harness: 'with-filters',
  ndevices: 4,
  behaviours: resolve({ version: '6.12.117' }),
  symbols: symbols6x,
  moduleDescription: 'HMM (Heterogeneous Memory Management) test module',
};

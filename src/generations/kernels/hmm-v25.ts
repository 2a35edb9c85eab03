// SPDX-License-Identifier: GPL-2.0-only
import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';

/** HMM v25 (September 2017), which 4.14 took, with a dummy driver against it: there was no test_hmm yet. */
export const hmmV25: Generation = {
  id: 'hmm-v25',
  title: 'HMM v25, September 2017',
  version: '4.14',
  release: '4.13.0-hmm-v25',
  uapi: {
    cmd: new DmirrorStruct(),
    nr: { READ: 0, WRITE: 1, MIGRATE_TO_DEV: 2, MIGRATE_TO_SYS: 3, SNAPSHOT: 4 },
  },
  suite: 'mirror',
  harness: 'without-filters',
  ndevices: 4,
  testModule: 'hmm_dmirror',
  behaviours: resolve({ version: '4.14', posting: 'hmm-v25' }),
  symbols: {},
  moduleDescription: null,
};

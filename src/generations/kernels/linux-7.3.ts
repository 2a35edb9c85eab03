// SPDX-License-Identifier: GPL-2.0-only

import type { DmirrorUapi } from '../../uapi/test_hmm_uapi.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';
import { symbols6x, uapi6x } from './linux-6.12.js';

const uapi73: DmirrorUapi = { ...uapi6x, nr: { ...uapi6x.nr, FLAGS: 8, READ_UNLOCKED: 9 } };

export const linux73: Generation = {
  id: '7.3',
  title: 'Linux 7.3 (Debian 7.3.4)',
  version: '7.3.4',
  release: '7.3.4',
  uapi: uapi73,
  suite: 'released-7',
  harness: 'with-debug',
  ndevices: 4,
  behaviours: resolve({ version: '7.3.4' }),
  symbols: symbols6x,
  moduleDescription: 'HMM (Heterogeneous Memory Management) test module',
};

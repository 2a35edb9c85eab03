// SPDX-License-Identifier: GPL-2.0-only

import { resolve } from '../behaviours/index.js';
import { withIoctls } from '../ioctls.js';
import type { Generation } from '../types.js';
import { symbols6x, uapi6x } from './linux-6.12.js';

const behaviours = resolve({ version: '7.3.4' });

export const linux73: Generation = {
  id: '7.3',
  title: 'Linux 7.3 (Debian 7.3.4)',
  version: '7.3.4',
  release: '7.3.4',
  uapi: withIoctls(uapi6x, behaviours),
  suite: 'released-7',
  harness: 'with-debug',
  ndevices: 4,
  behaviours,
  symbols: symbols6x,
  moduleDescription: 'HMM (Heterogeneous Memory Management) test module',
};

// SPDX-License-Identifier: GPL-2.0-only
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';
import { symbols6x, uapi6x } from './linux-6.12.js';

export const linux61: Generation = {
  id: '6.1',
  title: 'Linux 6.1 (Debian 6.1.192)',
  version: '6.1.192',
  release: '6.1.192',
  uapi: uapi6x,
  suite: 'released',
  harness: 'without-filters',
  ndevices: 4,
  behaviours: resolve({ version: '6.1.192' }),
  symbols: symbols6x,
  moduleDescription: null,
};

// SPDX-License-Identifier: GPL-2.0-only
import { DmirrorStruct } from '../../uapi/dmirror_cmd.js';
import { resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';

/** Coherent device memory as a node (November 2016), on 4.9: a proposal that mainline has not taken, before any HMM. */
export const rfcCdm: Generation = {
  id: 'rfc-cdm',
  title: 'coherent device nodes, November 2016',
  version: '4.9',
  release: '4.9.0-rfc-cdm',
  // There is no device that mirrors an address space.
  uapi: { cmd: new DmirrorStruct(), nr: {} },
  suite: 'node',
  harness: 'without-filters',
  ndevices: 0,
  nodes: 2,
  testModule: 'coherent_node',
  behaviours: resolve({ version: '4.9', posting: 'rfc-cdm' }),
  symbols: {},
  moduleDescription: null,
};

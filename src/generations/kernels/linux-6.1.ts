// SPDX-License-Identifier: GPL-2.0-only
import { type Behaviours, resolve } from '../behaviours/index.js';
import type { Generation } from '../types.js';
import { symbols6x, uapi6x } from './linux-6.12.js';

/** What 6.1 does differently from 6.12. */
export const overrides61: Partial<Behaviours> = {
  splitRemapsZeroPages: false,
  splitKeepsDirtyBit: false,
  mprotectUpgradesPmd: false,
  mprotectUpgradesCleanPte: false,
  mprotectNotifiesByPud: false,
  mprotectUnaccounts: false,
  thpAlignedMmap: false,
  pagemapExclusiveOnlyPresent: false,
  follLongterm: 0x10000,
  gupUnsharesFilePages: false,
  gupTestLongtermPins: false,
  populateWalksVmas: true,
  madviseFreeKeepsWholeFolios: false,
  wpReusesLargeFolios: true,
  gupRefusesInternalFlags: false,
  splitPmdRefusesHugetlb: false,
  hugetlbZapRestoresReserve: false,
};

export const linux61: Generation = {
  id: '6.1',
  title: 'Linux 6.1 (Debian 6.1.192)',
  release: '6.1.192',
  uapi: uapi6x,
  suite: '6.x',
  harness: '6.1',
  ndevices: 4,
  behaviours: resolve(overrides61),
  symbols: symbols6x,
  moduleDescription: null,
};

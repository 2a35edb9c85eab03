// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25, what modinfo reads of it. Command lines need this much before a machine is loaded. */
import type { ModuleInfo, ModuleParameter } from '../../kernel/module.js';

function parameter(device: number): ModuleParameter {
  return {
    name: `spm_addr_dev${device}`,
    type: 'long',
    specialPurpose: true,
    description: () =>
      `physical address where the coherent memory (CDM) of device ${device + 2} begins; both parameters together add two devices`,
  };
}

export const hmm_dmirror_info: ModuleInfo = {
  name: 'hmm_dmirror',
  init: 'hmm_dmirror_init',
  license: 'GPL',
  parameters: [parameter(0), parameter(1)],
  description: () => 'a dummy device that mirrors address spaces, for HMM v25',
  devices: () => [
    '/dev/hmm_dmirror0 /dev/hmm_dmirror1 (private)',
    '/dev/hmm_dmirror2 /dev/hmm_dmirror3 (CDM; only with both parameters)',
  ],
};

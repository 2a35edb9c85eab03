// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, what modinfo reads of it. Command lines need this much before a machine is loaded. */
import type { Generation } from '../../generations/types.js';
import type { ModuleInfo, ModuleParameter } from '../../kernel/module.js';

const FALLBACK_DESCRIPTION = 'HMM (Heterogeneous Memory Management) test module';

function parameter(device: number): ModuleParameter {
  return {
    name: `spm_addr_dev${device}`,
    type: 'long',
    specialPurpose: true,
    description: ({ behaviours }) => {
      const effect = behaviours.spmSelectsType
        ? 'both parameters together make all devices generic'
        : 'both parameters together add two coherent devices';
      return `physical address where the special purpose memory of device ${device} begins; ${effect}`;
    },
  };
}

/** Which devices there are, without and with the parameters. */
function devices({ ndevices, behaviours }: Generation): string[] {
  const nodes = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => `/dev/hmm_dmirror${first + i}`).join(' ');
  if (behaviours.spmSelectsType) return [`${nodes(0, ndevices)} (private; generic with both parameters)`];
  return [`${nodes(0, 2)} (private)`, `${nodes(2, ndevices - 2)} (coherent; only with both parameters)`];
}

export const test_hmm_info: ModuleInfo = {
  name: 'test_hmm',
  init: 'hmm_dmirror_init',
  license: 'GPL',
  parameters: [parameter(0), parameter(1)],
  description: ({ moduleDescription }) =>
    moduleDescription ?? `${FALLBACK_DESCRIPTION} (this generation has no description)`,
  devices,
};

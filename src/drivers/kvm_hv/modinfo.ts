// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/powerpc/kvm/book3s_hv.c, what modinfo reads of it. Command lines need this much before a machine is loaded. */
import type { ModuleInfo } from '../../kernel/module.js';
import { KVM_FILE } from '../../uapi/kvm_hv.js';

/** Bytes. */
export const SECMEM_DEFAULT = 128 * 2 ** 20;

export const kvm_hv_info: ModuleInfo = {
  name: 'kvm_hv',
  init: 'kvmppc_book3s_init_hv',
  license: 'GPL',
  parameters: [
    {
      name: 'sim_secmem',
      type: 'long',
      description: () =>
        'bytes of secure memory, which firmware tells on a real machine; 0: no Ultravisor (simulation only)',
    },
  ],
  description: () => 'secure guests of POWER (KVM HV), with an Ultravisor that is simulated',
  devices: () => [`${KVM_FILE} (a file is a guest; its secure pages are private)`],
};

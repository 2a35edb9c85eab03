// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c, what modinfo reads of it; and which GPUs the machine has, which are ours. */
import type { ModuleInfo, ModuleParameter } from '../../kernel/module.js';

const parameter = (name: string, text: string, type: ModuleParameter['type'] = 'int'): ModuleParameter => ({
  name,
  type,
  description: () => text,
});

export const GPUS_MAX = 4;

export const TOPOLOGIES = ['pcie', 'hive', 'cpu', 'apu'] as const;

export const amdgpu_info: ModuleInfo = {
  name: 'amdgpu',
  init: 'amdgpu_init',
  license: 'GPL and additional rights',
  parameters: [
    parameter(
      'vramlimit',
      'restrict VRAM for testing, in MiB; 0 leaves all 4 GiB of each GPU (default 1024)',
    ),
    parameter('noretry', 'no retry faults where a process does not ask for them: 1 (default) or 0'),
    parameter(
      'svm_default_granularity',
      'how many pages migrate with the one that faulted, as a power of two (default 9)',
      'uint',
    ),
    parameter('sim_gpus', `how many GPUs this machine has, 1 to ${GPUS_MAX} (default 1)`),
    parameter(
      'sim_topology',
      `how they are connected: ${TOPOLOGIES.join(', ')} (default pcie; cpu is XGMI with the processor, whose memory VRAM is then)`,
      'charp',
    ),
  ],
  description: () => 'AMD GPU (simulated: MI200, shared virtual memory of amdkfd alone)',
  devices: () => ['/dev/kfd, and /dev/dri/renderD128 and following, one a GPU'],
};

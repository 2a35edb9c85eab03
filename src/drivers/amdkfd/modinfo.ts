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

/** GPUs by their family: those before Vega10 have no shared virtual memory. */
export const ASICS = ['polaris', 'vega10', 'mi200'] as const;

/** Who tells of the address at which the processor reaches VRAM: the firmware, as memory that is reserved, or nobody. */
export const APERTURES = ['reserved', 'unlisted'] as const;

export const amdgpu_info: ModuleInfo = {
  name: 'amdgpu',
  init: 'amdgpu_init',
  license: 'GPL and additional rights',
  parameters: [
    parameter('vramlimit', 'restrict VRAM for testing, in MiB; 0 leaves all of each GPU (default 1024)'),
    parameter('noretry', 'no retry faults where a process does not ask for them: 1 (default) or 0'),
    parameter(
      'svm_default_granularity',
      'how many pages migrate with the one that faulted, as a power of two (default 9)',
      'uint',
    ),
    parameter('sim_gpus', `how many GPUs this machine has, 1 to ${GPUS_MAX} (default 1)`),
    parameter('sim_vram', 'VRAM of each GPU, in MiB (default 4096)', 'uint'),
    parameter('sim_asic', `what they are: ${ASICS.join(', ')} (default mi200)`, 'charp'),
    parameter(
      'sim_topology',
      `how they are connected: ${TOPOLOGIES.join(', ')} (default pcie; cpu is XGMI with the processor, whose memory VRAM is then)`,
      'charp',
    ),
    parameter(
      'sim_aperture',
      `whether /proc/iomem has the address at which the processor reaches VRAM: ${APERTURES.join(', ')} (default reserved)`,
      'charp',
    ),
  ],
  description: () => 'AMD GPU (simulated: MI200, shared virtual memory of amdkfd alone)',
  devices: () => ['/dev/kfd, and /dev/dri/renderD128 and following, one a GPU'],
};

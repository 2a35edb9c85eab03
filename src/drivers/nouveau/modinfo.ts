// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/nouveau/nouveau_drm.c, what modinfo reads of it. Command lines need this much before a machine is loaded. */
import type { ModuleInfo } from '../../kernel/module.js';
import { NOUVEAU_FILE } from '../../uapi/nouveau.js';

/** Bytes. */
export const VRAM_DEFAULT = 64 * 2 ** 20;

export const nouveau_info: ModuleInfo = {
  name: 'nouveau',
  init: 'nouveau_drm_init',
  license: 'GPL and additional rights',
  parameters: [
    {
      name: 'sim_vram',
      type: 'long',
      description: () => "bytes of the GPU's memory (simulation only)",
    },
  ],
  description: () => 'GPUs of NVIDIA; here one of the Pascal family that shares virtual memory',
  devices: () => [`${NOUVEAU_FILE} (private; a Pascal GPU that is simulated)`],
};

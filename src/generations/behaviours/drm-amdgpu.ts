// SPDX-License-Identifier: GPL-2.0-only
/** drivers/gpu/drm/amd/amdkfd/kfd_migrate.c. */
import { type Entries, NEVER } from './entry.js';

export const amdgpu = {
  amdkfdClearsHoles: {
    what: 'what a range has nothing for is cleared in VRAM; before, the GPU finds what the buffer of the range held there last',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_copy_to_vram',
    // The fix is later than the kernels here.
    since: NEVER,
    witness: { kernel: '6.12', scenario: 'bugs/amdkfd-hole-not-cleared' },
  },
  amdkfdSelectsByMemory: {
    what: 'migrations to system memory select the kind of pages that the VRAM has; otherwise always private ones',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_vma_to_ram',
    witness: { kernel: 'v5-generic', scenario: 'bugs/amdkfd-selects-private' },
  },
} as const satisfies Entries;

// SPDX-License-Identifier: GPL-2.0-only
/** drivers/gpu/drm/amd: amdkfd, and of amdgpu what it needs. */
import { type Entries, NEVER } from './entry.js';

export const amdgpu = {
  amdkfdClearsHoles: {
    what: 'what a range has nothing for is cleared in VRAM; before, the GPU finds what the buffer of the range held there last',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_copy_to_vram',
    // The fix is later than the kernels here.
    since: NEVER,
    witness: { kernel: '6.12', scenario: 'bugs/amdkfd-hole-not-cleared' },
  },
  amdkfdClonesHeldOnly: {
    what: 'the clone of a range takes its buffer only where that range holds it; otherwise the buffer is never given back',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c svm_range_clone',
    // No kernel here has it.
    since: NEVER,
    witness: { kernel: '6.12', scenario: 'bugs/amdkfd-clone-keeps-buffer' },
  },
  amdkfdCountsMigrated: {
    what: 'of a range, as many pages are in VRAM as have migrated; before, as were copied, and files never migrate',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_successful_pages',
    since: ['6.18'],
    witness: { kernel: '7.3', scenario: 'drivers/amdkfd/file-on-two-gpus' },
  },
  amdgpuWalksByParts: {
    what: 'the pages of a buffer are found by walks of 2 GiB each; before, by one',
    source: 'drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c amdgpu_hmm_range_get_pages',
    since: ['6.2'],
    witness: { kernel: '6.12', program: 'walks of a large buffer' },
  },
  amdgpuReadsSequenceOnce: {
    what: 'the sequence of the notifier is read before the first walk alone; otherwise anew for each walk, also for one that is tried again',
    source: 'drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c amdgpu_hmm_range_get_pages',
    // A fix of May 2026.
    since: ['7.1', '6.12.117'],
    witness: { kernel: '6.1', scenario: 'derived/amdgpu-userptr-retried-6.1' },
  },
  amdgpuRetriesWalks: {
    what: 'a walk that was invalidated is tried again until its time is over; later whoever asked has to',
    source: 'drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c amdgpu_hmm_range_get_pages',
    // What mends the fix before, which retried with a sequence that was over.
    until: ['7.2', '7.1.1', '6.12.117'],
    witness: { kernel: '6.1', scenario: 'derived/amdgpu-userptr-retried-6.1' },
  },
  amdkfdForgetsUserPages: {
    what: 'a buffer of a user pointer behind which nothing is mapped has no pages; before, GPUs go on with those that it had',
    source: 'drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c update_invalid_user_pages',
    since: ['6.18'],
    witness: { kernel: '7.3', scenario: 'derived/amdgpu-userptr-unmapped-7.3' },
  },
  kfdTellsFailedMigrations: {
    what: 'the event at the end of a migration has an error code, and comes where nothing was moved as well',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c kfd_smi_event_migration_end',
    since: ['6.13'],
    witness: { kernel: '7.3', program: 'words of MIGRATE_END' },
  },
  amdkfdLooksUpAperture: {
    what: 'VRAM that the processor reaches is the resource that begins at its aperture, and must be one',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_init',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'drivers/amdkfd/unlisted-aperture' },
  },
  amdkfdSelectsByMemory: {
    what: 'migrations to system memory select the kind of pages that the VRAM has; otherwise always private ones',
    source: 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c svm_migrate_vma_to_ram',
    witness: { kernel: 'v5-generic', scenario: 'bugs/amdkfd-selects-private' },
  },
} as const satisfies Entries;

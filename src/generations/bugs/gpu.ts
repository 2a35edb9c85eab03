// SPDX-License-Identifier: GPL-2.0-only
/** Bugs of the drivers of GPUs that share virtual memory. */
import { NEVER } from '../version.js';
import type { Bug } from './index.js';

export const gpuBugs: readonly Bug[] = [
  {
    id: 'amdkfd-selects-private',
    title: 'coherent memory of a GPU is not selected on the way to system memory',
    mechanism:
      'svm_migrate_vma_to_ram() asks for private pages whatever the memory of the GPU is: where the CPU reaches it, it finds none.',
    symptom: 'Prefetches to system memory answer 0, and move nothing.',
    functions: ['svm_migrate_vma_to_ram', 'migrate_vma_collect_pmd'],
    fix: { note: 'flags of 0 in DEVICE_GENERIC v5, a flag of its own in COHERENT' },
    existed: 'DEVICE_GENERIC before v5',
    kernels: { since: NEVER },
    overrides: { amdkfdSelectsByMemory: false },
    shows: 'step 8: faults: expected 100, got 0',
  },
  {
    id: 'amdkfd-hole-not-cleared',
    title: 'a hole of a range holds in VRAM what was there before',
    mechanism:
      'svm_migrate_copy_to_vram() gives a hole its place in the buffer of the range and copies nothing there. The buffer was cleared when it was made, and may have been in use since.',
    symptom: 'The GPU and the CPU read old data where the program has thrown it away.',
    functions: ['svm_migrate_copy_to_vram'],
    fix: {
      subject: 'drm/amdkfd: Fix the case that vm range is hole at svm_migrate_copy_to_vram',
      cve: 'CVE-2026-89808',
    },
    existed: 'all kernels here',
    kernels: {},
    overrides: { amdkfdClearsHoles: false },
    shows: 'step 9: data[1]: expected 71, got 0',
  },
  {
    id: 'amdkfd-clone-keeps-buffer',
    title: 'the clone of a range keeps VRAM for ever',
    mechanism:
      'Attributes of a part of a range make svm_range_clone() take a reference on its buffer, whether the range still holds one or all its pages have come home. svm_range_vram_node_free() drops only what is held.',
    symptom: 'VRAM is never free again, nor is the address space.',
    functions: ['svm_range_clone', 'svm_range_vram_node_free'],
    fix: { note: 'none known' },
    existed: 'all kernels here',
    kernels: {},
    overrides: { amdkfdClonesHeldOnly: false },
    shows: 'step 11: map[0]: expected ".", got "S"',
  },
  {
    id: 'amdgpu-sequence-by-walk',
    title: 'pages of a large buffer are checked against a sequence that is too new',
    mechanism:
      'amdgpu_hmm_range_get_pages() finds the pages of a buffer in walks of 2 GiB, and reads the sequence of its notifier before each of them, and again where one is tried again. What was invalidated meanwhile in the part before passes for valid.',
    symptom:
      'A buffer is made whose pages are no longer those; amdkfd finds them again, since it counts invalidations beside, while command submissions use them.',
    functions: ['amdgpu_hmm_range_get_pages', 'init_user_pages'],
    fix: { subject: 'drm/amdgpu: fix amdgpu_hmm_range_get_pages', cve: 'CVE-2026-63879' },
    existed: 'from 6.2 on, before 7.1 and 6.12.117',
    kernels: { since: ['6.2'], until: ['7.1', '6.12.117'] },
    overrides: { amdgpuWalksByParts: true, amdgpuReadsSequenceOnce: false, amdgpuRetriesWalks: true },
    shows: 'step 6: ret: expected "EAGAIN", got 0',
  },
  {
    id: 'amdgpu-stale-retry',
    title: 'pages of a buffer are looked for by a sequence that is too old',
    mechanism:
      'amdgpu_hmm_range_get_pages() reads the sequence of the notifier once, as the fix of amdgpu-sequence-by-walk has it, but tries a walk that was invalidated again until its time is over: by the old sequence, which is never right again.',
    symptom:
      'Whoever looks for the pages tries for seconds, with the mmap_lock held, while queues stand still.',
    functions: ['amdgpu_hmm_range_get_pages', 'amdgpu_amdkfd_restore_userptr_worker'],
    fix: { subject: 'drm/amdgpu: drop retry loop in amdgpu_hmm_range_get_pages' },
    existed: 'between the two fixes: 7.1, and stable releases of that time',
    kernels: { since: NEVER },
    overrides: { amdgpuReadsSequenceOnce: true, amdgpuRetriesWalks: true },
    shows: 'step 8: hang: expected nothing, got "gpu_evicted"',
  },
  {
    id: 'nouveau-fault-page-unnamed',
    title: 'nouveau does not say which page faulted',
    mechanism:
      'nouveau_dmem_migrate_to_ram() leaves fault_page out, and the reference of the fault counts as one of somebody who keeps the page.',
    symptom: 'A CPU fault never migrates the page back.',
    functions: ['exc_page_fault', 'nouveau_dmem_migrate_to_ram'],
    fix: { subject: 'nouveau: fix migrate_to_ram() for faulting page' },
    existed: '6.1, at first',
    kernels: { since: NEVER },
    overrides: { nouveauNamesFaultPage: false },
    shows: 'step 5: hang: expected nothing, got "exc_page_fault"',
  },
  {
    id: 'nouveau-return-page-dirty',
    title: 'nouveau maps a page that nothing was copied to',
    mechanism:
      'nouveau_dmem_migrate_to_ram() takes a page that is not zeroed, and does not hear of it when the GPU has not copied.',
    symptom: 'Stale kernel data reaches the user after a failed copy.',
    functions: ['nouveau_dmem_migrate_to_ram'],
    fix: { subject: 'nouveau/dmem: Fix vulnerability in migrate_to_ram upon copy error' },
    existed: 'up to 6.11',
    kernels: { until: ['6.12', '6.1.192'] },
    overrides: { nouveauZeroesReturnPage: false },
    shows: 'step 9: pages[0]: expected 0, got 7',
  },
  {
    id: 'nouveau-exclusive-stays-locked',
    title: 'nouveau keeps an exclusive page locked',
    mechanism:
      'Where the page was invalidated meanwhile, nouveau_atomic_range_fault() tries again without having unlocked it, and so never gets it.',
    symptom: 'Atomic faults of the GPU hang.',
    functions: ['remove_device_exclusive_entry', 'nouveau_atomic_range_fault'],
    fix: { subject: 'nouveau/svm: fix missing folio unlock + put after make_device_exclusive_range()' },
    existed: 'up to 6.13',
    kernels: { until: ['6.14', '6.12.117', '6.1.192'] },
    overrides: { nouveauUnlocksToRetry: false },
    shows: 'step 5: hang: expected nothing, got "remove_device_exclusive_entry"',
  },
];

// SPDX-License-Identifier: GPL-2.0-only
/** drivers/gpu/drm/nouveau/nouveau_dmem.c, nouveau_svm.c. */
import type { Entries } from './entry.js';

export const nouveau = {
  nouveauNamesFaultPage: {
    what: 'a fault of the CPU names the page that it holds a reference to, so that this does not keep it on the GPU',
    source: 'drivers/gpu/drm/nouveau/nouveau_dmem.c nouveau_dmem_migrate_to_ram',
    witness: { kernel: '6.12', scenario: 'bugs/nouveau-fault-page-unnamed' },
  },
  nouveauZeroesReturnPage: {
    what: 'the page that one comes back to is zeroed, for copies that the GPU does not do',
    source: 'drivers/gpu/drm/nouveau/nouveau_dmem.c nouveau_dmem_migrate_to_ram',
    since: ['6.12', '6.1.192'],
    witness: { kernel: '6.12', scenario: 'bugs/nouveau-return-page-dirty' },
  },
  nouveauUnlocksToRetry: {
    what: 'a page that became the GPU’s alone, and was invalidated meanwhile, is unlocked and let go of before that is tried again',
    source: 'drivers/gpu/drm/nouveau/nouveau_svm.c nouveau_atomic_range_fault',
    since: ['6.14', '6.12.117', '6.1.192'],
    witness: { kernel: '6.12', scenario: 'bugs/nouveau-exclusive-stays-locked' },
  },
} as const satisfies Entries;

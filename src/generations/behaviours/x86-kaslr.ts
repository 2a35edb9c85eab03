// SPDX-License-Identifier: GPL-2.0-only
/** arch/x86: mm/kaslr.c with kernel/resource.c, entry/vdso/vma.c. */
import type { Entries } from './entry.js';

export const kaslr = {
  kaslrEndsFreeRegions: {
    what: 'KASLR shortens the direct map in spite of ZONE_DEVICE, and device memory lies below its end',
    source: 'arch/x86/mm/kaslr.c kernel_randomize_memory',
    since: ['6.11'],
    until: ['6.15', '6.12.117'],
    witness: { kernel: '6.12', scenario: 'derived/physical-limit-kaslr' },
  },
  vvarPagesAreNormal: {
    what: 'the data of the vdso are pages with struct pages (VM_MIXEDMAP), and clocks of hypervisors lie behind them; before, all were frames (VM_PFNMAP)',
    source: 'lib/vdso/datastore.c vvar_fault',
    since: ['7.0'],
    witness: { kernel: '7.3', program: 'get_user_pages() of the data of the vdso' },
  },
} as const satisfies Entries;

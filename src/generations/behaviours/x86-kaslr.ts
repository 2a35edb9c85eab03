// SPDX-License-Identifier: GPL-2.0-only
/** arch/x86/mm/kaslr.c, kernel/resource.c. */
import type { Entries } from './entry.js';

export const kaslr = {
  kaslrEndsFreeRegions: {
    what: 'KASLR shortens the direct map in spite of ZONE_DEVICE, and device memory lies below its end',
    source: 'arch/x86/mm/kaslr.c kernel_randomize_memory',
    since: ['6.11'],
    until: ['6.15', '6.12.117'],
    witness: { kernel: '6.12', scenario: 'derived/physical-limit-kaslr' },
  },
} as const satisfies Entries;

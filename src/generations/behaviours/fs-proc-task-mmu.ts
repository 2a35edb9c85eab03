// SPDX-License-Identifier: GPL-2.0-only
/** fs/proc/task_mmu.c. */
import type { Entries } from './entry.js';

export const taskMmu = {
  pagemapExclusiveOnlyPresent: {
    what: 'pagemap sets the exclusive bit for present pages only',
    source: 'fs/proc/task_mmu.c pte_to_pagemap_entry',
    since: ['6.11'],
    witness: { kernel: '6.12', recording: 'curated-parent-fd-in-child' },
  },
} as const satisfies Entries;

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
  pagemapHugeZeroHasNoPage: {
    what: 'pagemap takes the huge zero page for no page, as it does the small one; before, for one of a file',
    source: 'fs/proc/task_mmu.c pagemap_pmd_range',
    // Behind 7.1.
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', recording: 'thpdev-105-0199' },
  },
  procMemForces: {
    what: '/proc/PID/mem reads and writes whatever the mapping allows; later only for a tracer (CONFIG_PROC_MEM_FORCE_PTRACE)',
    source: 'fs/proc/base.c proc_mem_foll_force',
    // The option is of 6.12, and Debian's configuration has it later.
    until: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', recording: 'io-307-0005' },
  },
} as const satisfies Entries;

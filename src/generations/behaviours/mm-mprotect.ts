// SPDX-License-Identifier: GPL-2.0-only
/** mm/mprotect.c. */
import type { Entries } from './entry.js';

export const mprotect = {
  mprotectUpgradesCleanPte: {
    what: 'mprotect makes a clean PTE of an exclusive anonymous page writable at once',
    source: 'mm/mprotect.c can_change_pte_writable',
    since: ['6.2'],
    witness: { kernel: '6.12', scenario: 'derived/migrated-mprotect-6.12' },
  },
  mprotectNotifiesByPud: {
    what: 'mprotect invalidates from the first populated PUD entry on, not from the first populated PMD',
    source: 'mm/mprotect.c change_pud_range',
    since: ['6.12'],
    witness: { kernel: '6.12', program: 'pages that mprotect invalidates' },
  },
  mprotectUnaccounts: {
    what: 'mprotect takes anonymous memory that was never touched out of the commit charge when it becomes read-only',
    source: 'mm/mprotect.c mprotect_fixup',
    since: ['6.7'],
    witness: { kernel: '6.12', scenario: 'derived/mprotect-drops-charge-6.12' },
  },
} as const satisfies Entries;

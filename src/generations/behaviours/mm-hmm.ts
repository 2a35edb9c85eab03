// SPDX-License-Identifier: GPL-2.0-only
/** mm/hmm.c. */
import type { Entries } from './entry.js';

export const hmm = {
  hmmWalksMixedmap: {
    what: 'VM_MIXEDMAP mappings are walked like any other; before, they were refused like VM_IO and VM_PFNMAP',
    source: 'mm/hmm.c hmm_vma_walk_test',
    since: ['5.17'],
    witness: { kernel: '6.12', scenario: 'bugs/mixedmap-rejected' },
  },
  hmmFaultsForeignPrivate: {
    what: "a fault brings another device's private page home; before, it failed with EFAULT",
    source: 'mm/hmm.c hmm_vma_handle_pte',
    since: ['6.0'],
    witness: { kernel: '6.1', recording: 'curated-device-to-device' },
  },
  hmmReportsOom: {
    what: 'a fault that runs out of memory fails with ENOMEM; before, with EFAULT',
    source: 'mm/hmm.c hmm_do_fault',
    // Page faults left the walk in a series of July 2026, behind the merge window of 7.2.
    since: ['7.3'],
    witness: { kernel: '7.3', scenario: 'derived/foreign-read-oom-7.3' },
  },
  hmmFaultsOutsideWalk: {
    what: 'what has to be faulted in is, when the walk is over and its locks are free; before, in the midst of it',
    source: 'mm/hmm.c hmm_record_fault',
    // Between 6.12 and 7.3.
    since: ['7.3'],
    witness: { kernel: '7.3', program: 'no faults with the lock of huge pages' },
  },
} as const satisfies Entries;

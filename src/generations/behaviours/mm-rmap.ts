// SPDX-License-Identifier: GPL-2.0-only
/** mm/rmap.c. */
import type { Entries } from './entry.js';

export const rmap = {
  exclusiveByPage: {
    what: 'exclusive access is given page by page, to tail pages of large folios too',
    source: 'mm/rmap.c make_device_exclusive',
    // 5.14 brought EXCLUSIVE.
    except: { since: ['5.14'], until: ['6.15'] },
    witness: { kernel: '6.12', scenario: 'bugs/exclusive-thp-tail' },
  },
  subpageOfEntryApart: {
    what: 'a device private page is taken from its folio; otherwise from the pfn that its entry, which has none, seems to hold',
    source: 'mm/rmap.c try_to_migrate_one',
    witness: { kernel: '6.12', scenario: 'bugs/private-subpage-from-entry' },
  },
  exclusiveEntriesMap: {
    what: 'a page that a device has for itself stays mapped: it counts, and a split or a migration makes it ordinary again',
    source: 'mm/rmap.c make_device_exclusive',
    since: ['6.15'],
    witness: { kernel: '7.3', recording: 'thp-105-0058' },
  },
  migrateSplitsInWalk: {
    what: 'a huge PMD is split into migration entries by the walk that finds it; before, of each mapping of the folio, found or not',
    source: 'mm/rmap.c try_to_migrate_one',
    since: ['7.0'],
    witness: { kernel: '7.3', scenario: 'derived/split-of-moved-7.3' },
  },
  walkChecksPrivatePmds: {
    what: 'a huge private PMD counts for the folio that it stands for; otherwise for any that may be mapped there',
    source: 'mm/page_vma_mapped.c page_vma_mapped_walk',
    // 6.19 brought huge private pages.
    except: { since: ['6.19'], until: ['7.2'] },
    witness: { kernel: '7.3', scenario: 'bugs/private-pmd-misread' },
  },
} as const satisfies Entries;

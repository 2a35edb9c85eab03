// SPDX-License-Identifier: GPL-2.0-only
/** mm/readahead.c. */
import type { Entries } from './entry.js';

export const readahead = {
  readaheadSyncApart: {
    what: 'a read that finds nothing goes on with the last window only if the last read ended there',
    source: 'mm/readahead.c page_cache_sync_ra',
    since: ['6.11'],
    witness: { kernel: '6.12', scenario: 'derived/disk-readahead-6.12' },
  },
  ext4LargeFolios: {
    what: 'the page cache of ext4 takes large folios, the larger the more windows of readahead follow one another',
    source: 'mm/readahead.c page_cache_ra_order',
    since: ['6.16'],
    witness: { kernel: '7.3', scenario: 'derived/disk-readahead-7.3' },
  },
  readaheadEndsAligned: {
    what: 'the window behind a marked page ends where a folio of its size would',
    source: 'mm/readahead.c page_cache_async_ra',
    since: ['6.17'],
    witness: { kernel: '7.3', scenario: 'derived/disk-readahead-7.3' },
  },
  readaheadEndsUnmarked: {
    what: 'readahead that reaches the end of a file marks no page',
    source: 'mm/readahead.c do_page_cache_ra',
    // Behind 6.17.
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', scenario: 'derived/disk-readahead-7.3' },
  },
} as const satisfies Entries;

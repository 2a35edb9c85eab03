// SPDX-License-Identifier: GPL-2.0-only
/** mm/migrate.c. */
import { type Entries, NEVER } from './entry.js';

export const migrate = {
  splitRemapsZeroPages: {
    what: 'splitting a THP maps its zero-filled subpages to the shared zero page',
    source: 'mm/migrate.c try_to_map_unused_to_zeropage',
    since: ['6.12'],
    witness: { kernel: '6.12', recording: 'curated-thp-split-on-migrate' },
  },
  genericPagesAreMigratable: {
    what: 'MEMORY_DEVICE_GENERIC pages take the place of coherent ones in migrate_vma_*',
    source: 'mm/migrate.c migrate_vma_check_page',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'bugs/generic-to-system-noop' },
  },
  movePagesSeesHoles: {
    what: 'move_pages() says -ENOENT of anonymous memory that was never touched, which it had -EFAULT for',
    source: 'mm/migrate.c do_pages_stat_array',
    since: ['6.12'],
    witness: { kernel: '6.12', scenario: 'derived/numa-move-pages' },
  },
} as const satisfies Entries;

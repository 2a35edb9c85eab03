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
} as const satisfies Entries;

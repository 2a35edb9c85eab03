// SPDX-License-Identifier: GPL-2.0-only
/** mm/oom_kill.c. */
import type { Entries } from './entry.js';

export const oomKill = {
  oomDumpsKindsOfRss: {
    what: 'the OOM killer lists the anonymous, file and shared memory of each process apart',
    source: 'mm/oom_kill.c dump_task',
    since: ['6.8'],
    witness: { kernel: '6.12', scenario: 'derived/oom-kills-the-biggest-6.12' },
  },
} as const satisfies Entries;

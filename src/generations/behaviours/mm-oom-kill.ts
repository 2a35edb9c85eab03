// SPDX-License-Identifier: GPL-2.0-only
/** Memory that is short: mm/vmscan.c and mm/swap.c; mm/oom_kill.c; mm/memcontrol.c and mm/memcontrol-v1.c. */
import type { Entries } from './entry.js';

export const vmscan = {
  rotationsCost: {
    what: 'pages that reclaim looks at in vain count as a cost, too, and one that it writes as much as 32 of them',
    source: 'mm/swap.c lru_note_cost',
    since: ['6.2'],
    witness: { kernel: '6.12', scenario: 'derived/reclaim-costs-6.12' },
  },
  cacheTrimIsGivenUp: {
    what: 'kswapd that got nothing of files that are hardly used looks at all the rest once more',
    source: 'mm/vmscan.c balance_pgdat',
    since: ['6.9'],
    witness: { kernel: '6.12', scenario: 'derived/kswapd-trims-cache-6.12' },
  },
  hopelessUntilBalanced: {
    what: 'kswapd that reclaimed nothing so often that it stopped begins again when enough is free, not as soon as anybody reclaimed a page',
    source: 'mm/vmscan.c kswapd_try_clear_hopeless',
    since: ['7.0'],
    witness: { kernel: '7.3', scenario: 'derived/kswapd-hopeless-7.3' },
  },
  ext4WritesForReclaim: {
    what: 'ext4 writes a single page that kswapd wants written, where it has a block; later that is for flushers alone',
    source: 'fs/ext4/inode.c ext4_writepage',
    until: ['6.12'],
    by: '6.12',
    witness: { kernel: '6.1', scenario: 'derived/flusher-stuck-6.1' },
  },
  kswapdWritesFiles: {
    what: 'kswapd that meets nothing but dirty pages of files may have them written; later it leaves all of them to flushers',
    source: 'mm/vmscan.c shrink_folio_list',
    until: ['7.3'],
    by: '7.3',
    witness: { kernel: '6.1', scenario: 'derived/flusher-stuck-6.1' },
  },
  costsComeOfCounters: {
    what: 'what reclaim cost is made of counters when it begins, writes of whoever asked for them among them; before, it is noted as it comes',
    source: 'mm/vmscan.c prepare_scan_control',
    since: ['7.3'],
    witness: { kernel: '7.3', scenario: 'derived/reclaim-costs-7.3' },
  },
} as const satisfies Entries;

export const oomKill = {
  oomDumpsKindsOfRss: {
    what: 'the OOM killer lists the anonymous, file and shared memory of each process apart',
    source: 'mm/oom_kill.c dump_task',
    since: ['6.8'],
    witness: { kernel: '6.12', scenario: 'derived/oom-kills-the-biggest-6.12' },
  },
} as const satisfies Entries;

export const memcontrol = {
  memcgStocks: {
    what: 'cgroups that a processor keeps charged pages for',
    source: 'mm/memcontrol.c refill_stock',
    values: [1, 7],
    since: ['6.16'],
    witness: { kernel: '6.12', scenario: 'derived/memcg-two-cgroups' },
  },
  chargesMove: {
    what: 'charges move with a process, where memory.move_charge_at_immigrate says so; later that answers EINVAL',
    source: 'mm/memcontrol-v1.c mem_cgroup_move_charge_write',
    until: ['6.13'],
    witness: { kernel: '6.12', scenario: 'derived/memcg-move-coherent' },
  },
  moveChargeFindsPrivate: {
    what: 'the charge of a device private page moves like that of any other',
    source: 'mm/memcontrol.c mc_handle_swap_pte',
    since: ['5.10'],
    witness: { kernel: '6.1', scenario: 'bugs/memcg-private-not-moved' },
  },
  moveChargeSkipsMapped: {
    what: 'the charge of what is mapped, but not present here, stays where it is: of each device private page, too',
    source: 'mm/memcontrol-v1.c get_mctgt_type',
    since: ['6.3'],
    witness: { kernel: '6.12', scenario: 'derived/memcg-move-private' },
  },
} as const satisfies Entries;

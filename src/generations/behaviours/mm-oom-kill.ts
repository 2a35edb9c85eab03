// SPDX-License-Identifier: GPL-2.0-only
/** mm/oom_kill.c; mm/memcontrol.c and mm/memcontrol-v1.c, the cgroups for which it kills. */
import type { Entries } from './entry.js';

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

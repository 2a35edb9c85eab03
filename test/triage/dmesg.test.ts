// SPDX-License-Identifier: GPL-2.0-only
/** Titles as syzkaller gives them. */
import t from 'tap';
import { readLog } from './log-text.js';

const TITLES: readonly [string, string][] = [
  [
    'BUG: unable to handle page fault for address: ffffea0fffffffc8',
    'BUG: unable to handle kernel paging request in dmirror_do_read',
  ],
  [
    'BUG: kernel NULL pointer dereference, address: 0000000000000008',
    'BUG: unable to handle kernel NULL pointer dereference in dmirror_do_read',
  ],
  [
    'Oops: general protection fault, probably for non-canonical address',
    'general protection fault in dmirror_do_read',
  ],
  ['kernel BUG at mm/rmap.c:12!', 'kernel BUG in dmirror_do_read'],
  [
    'Out of memory: Killed process 812 (hmm-tests) total-vm:1054720kB, anon-rss:524288kB, file-rss:0kB, shmem-rss:0kB, UID:0',
    'out of memory: hmm-tests killed',
  ],
  [
    'Memory cgroup out of memory: Killed process 9 (a.out) total-vm:40000kB, anon-rss:20000kB',
    'out of memory: a.out killed',
  ],
  [
    'watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [hmm-tests:123]',
    'BUG: soft lockup in dmirror_do_read',
  ],
  ['rcu: INFO: rcu_preempt self-detected stall on CPU', 'INFO: rcu detected stall in do_swap_page'],
  ['INFO: task hmm-tests:77 blocked for more than 122 seconds.', 'INFO: task hung in do_swap_page'],
  ['WARNING: possible circular locking dependency detected', 'possible deadlock in dmirror_fault'],
  ['WARNING: mm/memory.c:1400 at zap_pte_range+0x1/0x2, CPU#1: hmm-tests/77', 'WARNING in zap_pte_range'],
  [
    'BUG: KASAN: slab-use-after-free in dmirror_devmem_fault+0x1/0x2',
    'KASAN: slab-use-after-free Read in dmirror_devmem_fault',
  ],
];

const TRACE = {
  plain: `ffff888 (&dmirror->mutex){+.+.}-{3:3}, at: dmirror_fault+0x10/0x20
Read of size 8 at addr ffff88810 by task hmm-tests/77
CPU: 0 UID: 0 PID: 77 Comm: hmm-tests Not tainted 6.12.117 #1
RIP: 0010:dmirror_do_read+0x61/0xe0 [test_hmm]
Call Trace:
 <TASK>
 ? __die_body+0x1a/0x60
 dump_stack_lvl+0x1/0x2
 __schedule+0x1/0x2
 do_swap_page+0x1/0x2
 handle_mm_fault+0x1/0x2
 </TASK>`,
  decoded: `ffff888 (&dmirror->mutex){+.+.}-{3:3}, at: dmirror_fault (lib/test_hmm.c:321)
Read of size 8 at addr ffff88810 by task hmm-tests/77
CPU: 0 UID: 0 PID: 77 Comm: hmm-tests Not tainted 6.12.117 #1
RIP: 0010:dmirror_do_read (lib/test_hmm.c:387 lib/test_hmm.c:430) test_hmm
Call Trace:
 <TASK>
 ? __die_body (arch/x86/kernel/dumpstack.c:421)
 dump_stack_lvl (lib/dump_stack.c:123)
 __schedule (kernel/sched/core.c:5369)
 do_swap_page (mm/memory.c:4327)
 handle_mm_fault (mm/memory.c:5900)
 </TASK>`,
};

for (const [how, trace] of Object.entries(TRACE)) {
  for (const stamp of ['', '[   12.345678] ', '[   12.345678][  T77] ']) {
    t.test(`${how}, after "${stamp}"`, async (t) => {
      for (const [first, title] of TITLES) {
        const lines = [first, ...trace.split('\n')].map((line) => stamp + line);
        const { reports, kernels } = readLog(lines.join('\n'));
        t.strictSame(
          reports.map((report) => [report.title, report.incomplete]),
          [[title, false]],
        );
        t.strictSame(kernels, ['6.12.117']);
      }
    });
  }
}

t.test('what says nothing of its function is named by its first line', async (t) => {
  const titles = (text: string) => readLog(text).reports.map(({ title, incomplete }) => [title, incomplete]);
  t.strictSame(titles('kernel BUG at mm/rmap.c:12!\n'), [['kernel BUG at mm/rmap.c:12', true]]);
  t.strictSame(titles('WARNING: CPU: 0 PID: 1 at mm/rm'), [['WARNING at mm/rm', true]]);
});

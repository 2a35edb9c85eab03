// SPDX-License-Identifier: GPL-2.0-only
/**
 * anon_teardown races a device read with munmap, which comes within 32 us: much less than reading 4 MiB takes. Where any
 * task may run at any lock both may win, by the seed, and the test passes all the same.
 */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { KSFT_PASS } from '../../src/selftests/events.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';

const SEEDS = 200;

/** Runs the test on a machine with `seed`. Return: how it ended, and how often the device read succeeded and failed. */
function teardown(seed: number): { code: number; read: number; failed: number } {
  let read = 0;
  let failed = 0;
  let code = -1;
  const harness = test_harness_run({
    suite: suiteOf('v5-generic')!,
    machine: () => {
      const machine = Machine.boot({ seed, schedule: 'random' });
      machine.loadModule('test_hmm', {});
      machine.trace = {
        emit: ({ event, args }) => {
          if (event !== 'sys_exit_ioctl') return;
          if (args?.ret === 0) read++;
          else failed++;
        },
      };
      return machine;
    },
    filters: [{ option: 't', name: 'anon_teardown' }],
    onEvent: () => {},
  });
  for (let step = harness.next(); !step.done; step = harness.next()) code = step.value.code;
  return { code, read, failed };
}

t.test(
  'anon_teardown passes for seeds 1 to 200, and the read both completes and fails among them',
  async (t) => {
    let read = 0;
    let failed = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const round = teardown(seed);
      if (round.code !== KSFT_PASS) t.equal(round.code, KSFT_PASS, `seed ${seed}`);
      read += round.read;
      failed += round.failed;
    }
    t.equal(read + failed, SEEDS * 10, 'ten rounds a seed');
    t.ok(read > 0, `${read} reads completed`);
    t.ok(failed > 0, `${failed} reads failed`);
  },
);

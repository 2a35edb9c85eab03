// SPDX-License-Identifier: GPL-2.0-only
/** benchmark_thp_migration prints simulated time, which follows the model of src/sim/costs.ts. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';

const EFI_MEMORY_SP = 0x40000;
const SPM = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };

function machine(): Machine {
  const efiFakeMem = [0x100000000, 0x140000000].map((start) => ({
    start,
    size: 2 ** 30,
    attribute: EFI_MEMORY_SP,
  }));
  const booted = Machine.boot({ kernel: '7.3', efiFakeMem });
  if (booted.loadModule('test_hmm', SPM) !== 0) throw new Error('test_hmm does not load');
  return booted;
}

/** What huge pages save, in percent, of each direction and size: as the table has it. */
function savings(variant: string): Record<string, number[]> {
  const saved: Record<string, number[]> = {};
  const harness = test_harness_run({
    suite: suiteOf('7.3')!,
    machine,
    filters: [{ option: 'r', name: `hmm.${variant}.benchmark_thp_migration` }],
    onEvent: (event) => {
      const text = event.type === 'log' ? event.text : '';
      const cells = /^(\S+) Migration +\| [\d.]+ ms +\| [\d.]+ ms +\| (-?[\d.]+)%$/.exec(text);
      if (cells !== null) (saved[cells[1]!] ??= []).push(Math.abs(Number(cells[2])));
    },
  });
  for (let step = harness.next(); !step.done; step = harness.next());
  return saved;
}

t.test('huge pages save time from 2 MiB on, more of it on the way back', async (t) => {
  t.same(savings('hmm_device_private'), {
    'Sys->Dev': [0, 0, 28.1, 28.1, 28.1, 28.1, 28.1],
    'Dev->Sys': [0, 0, 64, 64, 64, 64, 64],
  });
});

t.test('nothing on a device that has no huge page', async (t) => {
  const { 'Sys->Dev': there = [], 'Dev->Sys': back = [] } = savings('hmm_device_coherent');
  t.same([there.length, back.length], [7, 7]);
  t.ok([...there, ...back].every((percent) => percent < 1));
});

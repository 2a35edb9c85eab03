// SPDX-License-Identifier: GPL-2.0-only
/** The suite of each bug's kernel with the bug: it ends, whatever faults for ever, after a bounded amount of work. */
import t from 'tap';
import { bugs } from '../../src/generations/bugs/index.js';
import { Machine } from '../../src/machine/machine.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { Setups } from '../../src/session/setup.js';
import { ENOMEM } from '../../src/uapi/errno.js';
import { FAILURES, kernelOf } from './suite_bugs.js';

/** How often the simulated kernel lets time pass: a suite that hangs nowhere comes to less than 1,250,000, 7.3's to 1,940,000. */
const mostCharges = (kernel: string): number => (kernel === '7.3' ? 2_500_000 : 1_600_000);

/** What fails without any bug, as on the real kernel: no memory for a huge page on a coherent device of 256 MiB. */
const OF_KERNEL: Readonly<Record<string, readonly string[]>> = {
  '7.3': ['hmm.hmm_device_coherent.migrate_anon_huge_err'],
};

/** Runs the suite with the bug. Return: what modprobe answered, the tests that fail, and how often time passed. */
function run(bug: string): { loaded: number; failed: string[]; charges: number } {
  const kernel = kernelOf(bug);
  const setup = new Setups({ bugs: [bug] }).of({ kernel });
  let charges = 0;
  let loaded = 0;
  const boot = (): Machine => {
    const machine = Machine.bootAs(setup);
    loaded = machine.loadModule(setup.module!.name, setup.module!.params);
    const { executor } = machine;
    const { charge } = executor;
    executor.charge = (ns) => {
      charges++;
      charge.call(executor, ns);
    };
    return machine;
  };
  const failed: string[] = [];
  const steps = test_harness_run({
    suite: hmmTests(setup.generation),
    // Its work is a benchmark's.
    filters: [{ option: 'T', name: 'benchmark_thp_migration' }],
    machine: boot,
    onEvent: (event) => {
      if (event.type === 'result' && event.code === 1) failed.push(event.name);
    },
  });
  for (let step = steps.next(); !step.done; step = steps.next());
  return { loaded, failed, charges };
}

for (const { id } of bugs) {
  t.test(id, async (t) => {
    const { loaded, failed, charges } = run(id);
    t.ok(charges < mostCharges(kernelOf(id)), `${charges} charges`);
    if (id === 'coherent-minor-unset')
      t.strictSame([loaded, failed.length], [-ENOMEM, 29], 'without a module');
    else t.strictSame([loaded, failed], [0, [...(OF_KERNEL[kernelOf(id)] ?? []), ...(FAILURES[id] ?? [])]]);
  });
}

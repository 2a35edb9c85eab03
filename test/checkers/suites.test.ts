// SPDX-License-Identifier: GPL-2.0-only
/** The suites of all generations with --check: no checker finds anything, and no test leaves anything behind. */
import t from 'tap';
import { generations } from '../../src/generations/index.js';
import type { Machine } from '../../src/machine/machine.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

function findings(kernel: string, spm: readonly string[] | undefined): { found: string[]; ran: number } {
  const machine = bootMachine(
    new Setups({ check: true }).of({ kernel, machine: spm === undefined ? {} : { spm: [...spm] } }),
  );
  const found: string[] = [];
  const steps = test_harness_run({
    suite: suiteOf(kernel)!,
    machine: () => machine,
    filters: [{ option: 'T', name: 'benchmark_thp_migration' }],
    onEvent: (event) => {
      if (event.type === 'log' && event.kind !== 'skip') found.push(event.text);
    },
    observer: { after: (after) => (after as Machine).leakCheck() },
  });
  for (;;) {
    const step = steps.next();
    if (step.done) return { found, ran: step.value.run };
  }
}

const counts: Readonly<Record<string, number>> = {
  'rfc-cdm': 52,
  'hmm-v25': 56,
  'v5-generic': 22,
  'v4-coherent': 50,
  '6.1': 58,
  '6.12': 58,
  '7.3': 76,
};

/** What a real 7.3 says, too. */
const sayings: Readonly<Record<string, readonly [spm: readonly string[], bare: readonly string[]]>> = {
  '7.3': [
    [
      'WARNING: pagemap_range: Conflicting mapping in same section',
      'Expected ret (-12) == 0 (0)',
      'migrate_anon_huge_err: Test terminated by assertion',
    ],
    [],
  ],
};

for (const { id } of generations) {
  for (const spm of [undefined, []]) {
    t.test(`${id}, ${spm === undefined ? 'with' : 'without'} SPM addresses`, (t) => {
      const { found, ran } = findings(id, spm);
      const said = new Set(found.map((text) => text.replace(/^hmm-tests\/\w+\.[jt]s:\d+:\w+:/, '')));
      t.strictSame([...said], sayings[id]?.[spm === undefined ? 0 : 1] ?? []);
      t.equal(ran, counts[id]);
      t.end();
    });
  }
}

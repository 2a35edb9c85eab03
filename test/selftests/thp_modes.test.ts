// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which tests of 7.3 fail where huge pages are used always, or never, as on a real 7.3.4 whose coherent devices have 256 MiB. With
 * "always", migrate_release gives the only chunk back, the next page asks for a huge one, and from then on the device has no
 * small pages; two tests oops, and the kernel goes on.
 */
import t from 'tap';
import { generationById } from '../../src/generations/index.js';
import { Machine } from '../../src/machine/machine.js';
import type { ThpMode } from '../../src/mm/kernel.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';

const SPM = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };
const FAKE_MEM = [0x100000000, 0x140000000].map((start) => ({ start, size: 2 ** 30, attribute: 0x40000 }));

interface Failed {
  readonly number: number;
  readonly name: string;
  /** What the program prints of it. */
  readonly lines: readonly string[];
}

const BENCHMARK = 'benchmark_thp_migration';

/** Without the benchmarks, unless they are asked for. */
function failures(thp: ThpMode, benchmarks = false): { failed: Failed[]; passed: number; machines: number } {
  const suite = hmmTests(generationById('7.3')!);
  let machines = 0;
  let lines: string[] = [];
  const harness = test_harness_run({
    suite,
    machine: () => {
      machines++;
      const machine = Machine.boot({ kernel: '7.3', thp, efiFakeMem: FAKE_MEM });
      if (machine.loadModule('test_hmm', SPM) !== 0) throw new Error('the module does not load');
      return machine;
    },
    filters: benchmarks ? [] : [{ option: 'T', name: BENCHMARK }],
    onEvent: (event) => {
      if (event.type === 'start') lines = [];
      if (event.type !== 'log' || event.kind === 'warning' || event.kind === 'oops') return;
      lines.push(
        event.inC === undefined ? event.text : `${event.inC.line}: ${event.text.replace(/^.*:/, '')}`,
      );
    },
  });
  const failed: Failed[] = [];
  for (;;) {
    const step = harness.next();
    if (step.done) return { failed, passed: step.value.totals.pass, machines };
    const { code, number, name } = step.value;
    if (code === 1) failed.push({ number, name: name.replace(/^hmm2?\./, ''), lines });
  }
}

t.test('always: eight tests of the coherent device fail', (t) => {
  const { failed, passed, machines } = failures('always');
  t.equal(passed, 68);
  t.equal(machines, 1, 'an oops leaves the machine to the next test');
  const [on, ofTwo] = ['hmm_device_coherent', 'hmm2_device_coherent'];
  const wrong = 'Expected ret (-2) == 0 (0)';
  const end = (test: string) => `${test}: Test terminated by assertion`;
  const killed = (test: string) => [`${test}: Test terminated unexpectedly by signal 9`];
  const refused = (number: number, where: string, test: string, line: number) => ({
    number,
    name: `${where}.${test}`,
    lines: [`${line}: ${wrong}`, end(test)],
  });
  t.strictSame(failed, [
    {
      number: 52,
      name: `${on}.migrate_multiple`,
      lines: ['1224: Expected buffer->cpages (0) == npages (1024)', end('migrate_multiple')],
    },
    refused(60, on!, 'hmm_gup_test', 1816),
    refused(61, on!, 'hmm_cow_in_device', 1894),
    refused(66, on!, 'migrate_partial_unmap_fault', 2204),
    refused(67, on!, 'migrate_remap_fault', 2283),
    { number: 68, name: `${on}.migrate_anon_huge_err`, lines: killed('migrate_anon_huge_err') },
    { number: 69, name: `${on}.migrate_anon_huge_zero_err`, lines: killed('migrate_anon_huge_zero_err') },
    refused(75, ofTwo!, 'snapshot', 1426),
  ]);
  t.end();
});

t.test(
  'always, with the benchmarks: the coherent one gets no small page either, and changes nothing',
  (t) => {
    const { failed, passed } = failures('always', true);
    t.equal(passed, 69);
    t.strictSame(
      failed.map(({ number }) => number),
      [53, 61, 62, 67, 68, 69, 70, 71, 77],
    );
    const benchmark = failed.find(({ name }) => name.endsWith(BENCHMARK));
    const refused = /^2652: Expected run_migration_benchmark\(self->fd, 1, .* \(-2\) == 0 \(0\)$/;
    t.equal(benchmark?.lines.filter((line) => refused.test(line)).length, 1);
    t.end();
  },
);

t.test('never: the tests of failing allocations fail, which ask for a huge page', (t) => {
  const { failed, passed } = failures('never');
  t.equal(passed, 72);
  t.strictSame(
    failed.map(({ number, name }) => `${number} ${name}`),
    [
      '33 hmm_device_private.migrate_anon_huge_err',
      '34 hmm_device_private.migrate_anon_huge_zero_err',
      '68 hmm_device_coherent.migrate_anon_huge_err',
      '69 hmm_device_coherent.migrate_anon_huge_zero_err',
    ],
  );
  t.end();
});

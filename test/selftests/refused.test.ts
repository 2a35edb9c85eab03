// SPDX-License-Identifier: GPL-2.0-only
/** Tests of hmm-tests that get something refused which a machine always grants: a thread, a look at /proc/meminfo. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { ktapLines } from '../../src/report/ktap.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { done, type Task } from '../../src/sim/task.js';
import { EAGAIN, EINVAL, ENOENT } from '../../src/uapi/errno.js';
import type { MachineApi, ProcessHandle, Sys } from '../../src/user/api.js';

/** A machine whose programs see `refused` instead of what their Sys has. */
function refusing(refused: (sys: Sys) => Partial<Sys>): MachineApi {
  const machine = Machine.boot({ kernel: '6.12' });
  machine.loadModule('test_hmm', {});
  const call = <T>(process: ProcessHandle, fn: (sys: Sys) => Task<T>, limitNs?: number): T =>
    machine.call(process, (sys) => fn(Object.assign(Object.create(sys), refused(sys))), limitNs);
  return new Proxy(machine, {
    get: (_, key) => (key === 'call' ? call : Reflect.get(machine, key, machine)),
  });
}

/** What the harness prints of one test; places without their lines. */
function linesOf(test: string, machine: MachineApi): string[] {
  const suite = suiteOf('6.12')!;
  const lines: string[] = [];
  const steps = test_harness_run({
    suite,
    machine: () => machine,
    filters: [{ option: 't', name: test }],
    onEvent: (event) => lines.push(...ktapLines(event, suite.style)),
  });
  for (let step = steps.next(); !step.done; step = steps.next());
  return lines
    .filter((line) => line.includes(`hmm_device_private.${test}`) || line.includes(`:${test}:`))
    .map((line) => line.replace(/ts:\d+/, 'ts:N'));
}

t.test('anon_teardown asserts that its thread was created', async (t) => {
  const machine = refusing(() => ({ pthread_create: () => done(EAGAIN) }));
  t.strictSame(linesOf('anon_teardown', machine), [
    '#  RUN           hmm.hmm_device_private.anon_teardown ...',
    `# hmm-tests/anon_teardown.ts:N:anon_teardown:Expected rc (${EAGAIN}) == 0 (0)`,
    '#          FAIL  hmm.hmm_device_private.anon_teardown',
    'not ok 1 hmm.hmm_device_private.anon_teardown',
  ]);
});

const noMeminfo = (sys: Sys): Partial<Sys> => ({
  open: (path, flags, mode) => (path === '/proc/meminfo' ? done(-ENOENT) : sys.open(path, flags, mode)),
});
const nothingToRead = (): Partial<Sys> => ({ read: () => done(-EINVAL) });
const tooLong = (): Partial<Sys> => ({ read: (_fd, _buf, count) => done(count) });

for (const test of ['anon_write_hugetlbfs', 'compound']) {
  t.test(`${test} is skipped where the size of a huge page cannot be read`, async (t) => {
    for (const refused of [noMeminfo, nothingToRead, tooLong]) {
      t.strictSame(linesOf(test, refusing(refused)), [
        `#  RUN           hmm.hmm_device_private.${test} ...`,
        `#            OK  hmm.hmm_device_private.${test}`,
        `ok 1 hmm.hmm_device_private.${test} # SKIP Huge page size could not be determined`,
      ]);
    }
  });
}

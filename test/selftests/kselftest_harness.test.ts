// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { junitXml } from '../../src/report/junit.js';
import { HARNESS_6_1, HARNESS_7_3 } from '../../src/selftests/harness_style.js';
import { exitCode } from '../../src/selftests/kselftest_harness.js';
import { Hang, KernelBug, ProcessDied } from '../../src/sim/errors.js';
import { StillRunning } from './fake_machine.js';
import { atOnce, type Body, runOne, runSuite, type SuiteParts, suiteOfBodies } from './run.js';

const pass = atOnce(() => {});
const failing = atOnce((c) => {
  c.ASSERT_EQ(1, 2);
});
const EXPECTED = '# kselftest_harness.test.ts:N:one:Expected 1 (1) == 2 (2)';
const FAILED = ['#          FAIL  fix.one', 'not ok 1 fix.one'];

/** close(self->fd) as the fixtures of hmm-tests do it: the second time it fails. */
const closeOnce = atOnce((c) => {
  const ret = c.self.fd === 3 ? 0 : -1;
  c.self.fd = -1;
  c.ASSERT_EQ({ ret }, 0);
});

t.test('a whole run, passed and failed', async (t) => {
  const good = runSuite(suiteOfBodies({ tests: { a: pass, b: pass } }));
  t.same(good.lines, [
    'TAP version 13',
    '1..2',
    '# Starting 2 tests from 1 test cases.',
    '#  RUN           fix.a ...',
    '#            OK  fix.a',
    'ok 1 fix.a',
    '#  RUN           fix.b ...',
    '#            OK  fix.b',
    'ok 2 fix.b',
    '# PASSED: 2 / 2 tests passed.',
    '# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0',
  ]);
  t.equal(exitCode(good.end), 0);

  const bad = runSuite(suiteOfBodies({ tests: { one: failing, b: pass } }));
  t.same(bad.lines.slice(-2), [
    '# FAILED: 1 / 2 tests passed.',
    '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0',
  ]);
  t.equal(exitCode(bad.end), 1);
  t.equal(bad.machines.length, 1, 'a failed assertion leaves the machine in use');
});

t.test('the older harness counts the empty case "global"', async (t) => {
  const { lines } = runSuite(suiteOfBodies({ style: HARNESS_6_1, tests: { a: pass } }));
  t.equal(lines[2], '# Starting 1 tests from 2 test cases.');
});

t.test('an EXPECT that failed fails the test at its end', async (t) => {
  const body = atOnce((c) => {
    c.ASSERT_EQ(1, 1);
    c.EXPECT_EQ(1, 2);
    c.ASSERT_EQ(1, 1);
  });
  t.same(runOne(body), [EXPECTED, '# one: Test failed', ...FAILED]);
  t.same(runOne(body, { style: HARNESS_6_1 }), [EXPECTED, '# one: Test failed at step #2', ...FAILED]);
});

t.test('SKIP in the test', async (t) => {
  const body = atOnce((c) => {
    c.SKIP('no gup_test');
  });
  const said = '#      SKIP      no gup_test';
  const ok = '#            OK  fix.one';
  t.same(runOne(body), [said, ok, 'ok 1 fix.one # SKIP no gup_test']);
  t.same(runOne(body, { style: HARNESS_6_1 }), [said, ok, 'ok 1 # SKIP no gup_test']);
});

t.test('SKIP in the setup keeps test and teardown from running', async (t) => {
  const parts: Partial<SuiteParts> = {
    *setup(c) {
      c.SKIP('no device');
      if (c.environment.style.skipInSetup === 'exit') yield* c.sys.exit(0);
    },
    teardown: failing,
  };
  const said = ['#      SKIP      no device', '#            OK  fix.one'];
  t.same(runOne(failing, parts), [...said, 'ok 1 fix.one # SKIP no device']);
  t.same(runOne(failing, { ...parts, style: HARNESS_6_1 }), [...said, 'ok 1 fix.one']);
});

t.test('skipped tests count as passed', async (t) => {
  const { lines, end } = runSuite(suiteOfBodies({ tests: { one: atOnce((c) => c.SKIP('why')) } }));
  t.same(lines.slice(-2), [
    '# PASSED: 1 / 1 tests passed.',
    '# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:1 error:0',
  ]);
  t.equal(exitCode(end), 0);
});

t.test('a failed ASSERT in the setup: neither test nor teardown', async (t) => {
  const parts = { setup: failing, teardown: failing };
  const expected = [EXPECTED, '# one: Test terminated by assertion', ...FAILED];
  t.same(runOne(failing, parts), expected);
  t.same(runOne(failing, { ...parts, style: HARNESS_6_1 }), expected);
});

t.test('a failed ASSERT in the test: teardown once, or until the timeout', async (t) => {
  t.same(runOne(failing, { teardown: closeOnce }), [
    EXPECTED,
    '# one: Test terminated by assertion',
    ...FAILED,
  ]);
  t.same(runOne(failing, { teardown: closeOnce, style: HARNESS_6_1 }), [
    EXPECTED,
    '# kselftest_harness.test.ts:N:one:Expected ret (-1) == 0 (0)',
    '# one: Teardown starts again and again until the timeout',
    '# one: Hung in hrtimer_nanosleep: exceeded its simulated time limit',
    '# one: Test terminated by timeout',
    ...FAILED,
  ]);
});

t.test('a failed ASSERT in a forked child', async (t) => {
  let status: unknown;
  const body: Body = function* (c) {
    const pid = yield* c.fork(failing);
    status = yield* c.sys.waitpid(pid);
  };
  t.same(runOne(body), [EXPECTED, '# one: Test terminated by assertion', ...FAILED]);
  t.same(status, { pid: 2, exitCode: 0, signal: null }, 'the child itself exits normally');

  const teardown = atOnce(() => {});
  t.same(runOne(body, { style: HARNESS_6_1, teardown }), [
    EXPECTED,
    '#            OK  fix.one',
    'ok 1 fix.one',
  ]);
  t.same(status, { pid: 2, exitCode: null, signal: 'SIGABRT' });

  t.same(runOne(body, { style: HARNESS_7_3 }), [EXPECTED, '# one: Test failed', ...FAILED]);
  t.same(status, { pid: 2, exitCode: null, signal: 'SIGABRT' }, '7.3 aborts, and its parent goes on');
});

t.test('7.3: a failed ASSERT tears down once and aborts', async (t) => {
  let torn = 0;
  const teardown = atOnce(() => {
    torn++;
  });
  const aborted = '# one: Test terminated by assertion';
  t.same(runOne(failing, { style: HARNESS_7_3, teardown }), [EXPECTED, aborted, ...FAILED]);
  t.equal(torn, 1);
  t.same(runOne(pass, { style: HARNESS_7_3, teardown: failing }), [EXPECTED, aborted, ...FAILED]);
});

t.test('7.3: how many tests were skipped, where some were', async (t) => {
  const skip = atOnce((c) => {
    c.SKIP('not here');
  });
  const text = '# 1 skipped test(s) detected. Consider enabling relevant config options to improve coverage.';
  const said = (style: typeof HARNESS_7_3, tests: Record<string, Body>): boolean =>
    runSuite(suiteOfBodies({ style, tests })).lines.at(-2) === text;
  t.ok(said(HARNESS_7_3, { a: pass, b: skip }));
  t.notOk(said(HARNESS_7_3, { a: pass }));
  t.notOk(said(HARNESS_6_1, { a: pass, b: skip }));
});

t.test('what the program prints: before the header, and while a test runs', async (t) => {
  const body = atOnce((c) => c.printf('a | b'));
  const suite = { ...suiteOfBodies({ tests: { one: body } }), preamble: ['# [INFO] before'] };
  const { lines, recorder } = runSuite(suite);
  t.same(lines.slice(0, 2), ['# [INFO] before', 'TAP version 13']);
  t.equal(lines[5], 'a | b');
  const info = { suite: 'fake-tests', kernel: '7.3', seed: 0 };
  t.match(junitXml(recorder, info), '<system-out>a | b</system-out>');
});

t.test('a child has its own copy of the fixture', async (t) => {
  t.same(
    runOne(function* (c) {
      yield* c.fork(
        atOnce((child) => {
          child.self.fd = 99;
        }),
      );
      c.ASSERT_EQ({ fd: c.self.fd }, 3);
    }),
    ['#            OK  fix.one', 'ok 1 fix.one'],
  );
});

t.test('children left over are killed', async (t) => {
  const leave: Body = function* (c) {
    yield* c.fork(
      atOnce(() => {
        throw new StillRunning();
      }),
    );
    yield* c.fork(pass);
  };
  const { machines } = runSuite(suiteOfBodies({ tests: { one: leave } }));
  t.same(machines[0]!.killed, [2], 'and only those');
});

t.test('death by signal, and by an exit status that is not 0', async (t) => {
  const killed = atOnce((c) => {
    throw new ProcessDied(c.sys.pid, 'SIGSEGV', null);
  });
  t.same(runOne(killed), ['# one: Test terminated unexpectedly by signal 11', ...FAILED]);
  const exits: Body = function* (c) {
    yield* c.sys.exit(9);
  };
  t.same(runOne(exits), ['# one: Test failed', ...FAILED]);
  t.same(runOne(exits, { style: HARNESS_6_1 }), ['# one: Test failed at step #9', ...FAILED]);
});

t.test('a test that exceeds its simulated time', async (t) => {
  const slow: Body = function* (c) {
    for (let i = 0; i < 29; i++) yield* c.sys.nanosleep(1e9);
  };
  t.same(runOne(slow), ['#            OK  fix.one', 'ok 1 fix.one'], 'less than 30 s');
  const { lines, machines } = runSuite(
    suiteOfBodies({ tests: { one: slow, two: pass }, timeouts: { one: 2 } }),
  );
  t.same(lines.slice(4, 8), [
    '# one: Hung in hrtimer_nanosleep: exceeded its simulated time limit',
    '# one: Test terminated by timeout',
    ...FAILED,
  ]);
  t.equal(machines.length, 2, 'the next test gets a fresh machine');
  t.equal(lines.at(-1), '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0');
});

t.test('a deadlock ends as a timeout', async (t) => {
  const stuck = atOnce(() => {
    throw new Hang('rwsem_down_read_slowpath', 'waits for ever');
  });
  t.same(runOne(stuck), [
    '# one: Hung in rwsem_down_read_slowpath: waits for ever',
    '# one: Test terminated by timeout',
    ...FAILED,
  ]);
});

t.test('an oops fails the test and costs the machine', async (t) => {
  const oops = atOnce(() => {
    throw new KernelBug('dmirror_do_read', 'NULL pointer dereference');
  });
  const { lines, machines } = runSuite(suiteOfBodies({ tests: { one: oops, two: pass } }));
  t.same(lines.slice(4, 7), ['# one: Kernel oops in dmirror_do_read: NULL pointer dereference', ...FAILED]);
  t.equal(machines.length, 2);
});

t.test('an internal error is not a test result', async (t) => {
  const inTheCore = new RangeError('ours');
  const { href } = new URL('../../src/mm/rmap.ts', import.meta.url);
  inTheCore.stack = `RangeError: ours\n    at folio_walk (${href}:1:1)\n${inTheCore.stack}`;
  const broken = atOnce(() => {
    throw inTheCore;
  });
  t.throws(() => runOne(broken), inTheCore);
});

t.test('the observer sees each test with its result', async (t) => {
  const seen: string[] = [];
  runSuite(suiteOfBodies({ tests: { a: pass, one: failing } }), {
    observer: {
      before: (_, { name }) => seen.push(`before ${name}`),
      after: (_, { name }, { code }) => seen.push(`after ${name}: ${code}`),
    },
  });
  t.same(seen, ['before fix.a', 'after fix.a: 0', 'before fix.one', 'after fix.one: 1']);
});

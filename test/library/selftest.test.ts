// SPDX-License-Identifier: GPL-2.0-only
// biome-ignore-all lint/correctness/useYield: a test's body is a generator, whether it sleeps or not.
/** Tests that a maintainer writes: fixtures as in C, run alone and beside hmm-tests. */
import t from 'tap';
import * as selftest from '../../src/library/selftest.js';
import {
  type AnyFixture,
  ASSERT_WORDS,
  FIXTURE,
  FIXTURE_SETUP,
  FIXTURE_TEARDOWN,
  FIXTURE_VARIANT_ADD,
  fill,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_migrate_sys_to_dev,
  hmm2Fixture,
  hmmFixture,
  I,
  type RunOptions,
  runSuite,
  TEST_F,
  TEST_F_TIMEOUT,
  WEXITSTATUS,
  words,
} from '../../src/library/selftest.js';
import * as ownHelpers from '../../src/selftests/hmm-tests/helpers.js';
import * as wordHelpers from '../../src/selftests/hmm-tests/words.js';

const KERNEL = { kernel: '6.12', spm: [0x100000000, 0x140000000] } as const;

/** Migrates four pages; `cpages` is what the test believes. */
function migrating(cpages: number) {
  const hmm = hmmFixture();
  TEST_F(hmm, 'mine', function* (t) {
    const buffer = yield* hmm_buffer_alloc(t, 4);
    yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
    const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, 4);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, cpages);
    yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
    yield* hmm_buffer_free(t, buffer);
  });
  return hmm;
}

t.test('tests on the fixture of hmm-tests', async (t) => {
  const good = runSuite(migrating(4), KERNEL);
  t.match(good, { passed: true, totals: { pass: 2, fail: 0, skip: 0 } });
  t.strictSame(
    good.tests.map(({ name }) => name),
    ['hmm.hmm_device_private.mine', 'hmm.hmm_device_coherent.mine'],
  );
  const bad = runSuite(migrating(5), { ...KERNEL, only: ['hmm.hmm_device_private.mine'] });
  t.equal(bad.passed, false);
  t.match(bad.tests, [
    {
      result: 'fail',
      lines: [/^selftest\.test\.ts:\d+:mine:Expected buffer->cpages \(4\) == 5 \(5\)/, /by assertion$/],
    },
  ]);
  t.match(bad.ktap.join('\n'), /^TAP version 13\n1\.\.1\n[\s\S]*not ok 1 hmm\.hmm_device_private\.mine/);
});

t.test('without addresses, coherent devices are skipped', async (t) => {
  const { tests } = runSuite(migrating(4), { kernel: '6.12' });
  t.match(tests, [{ result: 'pass' }, { result: 'skip', lines: [/DEVICE_COHERENT not available/] }]);
});

t.test("a fixture of one's own", async (t) => {
  const own = FIXTURE<{ fd: number; log: string[] }, { start: number }>('own', { fd: -1, log: [] });
  FIXTURE_VARIANT_ADD(own, 'one', { start: 1 });
  FIXTURE_VARIANT_ADD(own, 'two', { start: 2 });
  const seen: number[] = [];
  FIXTURE_SETUP(own, function* (t) {
    t.self.fd = yield* t.sys.memfd_create('x', 0);
  });
  FIXTURE_TEARDOWN(own, function* (t) {
    seen.push(yield* t.sys.close(t.self.fd));
  });
  TEST_F(own, 'starts', function* (t) {
    seen.push(t.variant.start);
    t.EXPECT_GE({ fd: t.self.fd }, 0);
  });
  TEST_F_TIMEOUT(own, 'waits', 2, function* (t) {
    yield* t.sys.nanosleep(1e9);
    if (t.variant.start === 2) yield* t.sys.nanosleep(5e9);
  });
  const { tests } = runSuite(own);
  t.match(tests, [
    { name: 'own.one.starts', result: 'pass' },
    { name: 'own.one.waits', result: 'pass' },
    { name: 'own.two.starts', result: 'pass' },
    { name: 'own.two.waits', result: 'fail' },
  ]);
  t.match(tests[3]!.lines.at(-1), /terminated by timeout/);
  t.strictSame(seen, [1, 0, 0, 2, 0]);
});

t.test('beside hmm-tests, tests of the same fixture are under one name', async (t) => {
  const hmm2 = hmm2Fixture();
  TEST_F(hmm2, 'mine', function* (t) {
    t.EXPECT_NE({ 'self->fd0': t.self.fd0 }, { 'self->fd1': t.self.fd1 });
  });
  const only = ['hmm.hmm_device_private.open_close', 'hmm2.hmm2_device_private.mine'];
  const { ktap, passed } = runSuite(hmm2, { ...KERNEL, hmmTests: true, name: 'hmm-tests', only });
  t.equal(passed, true);
  t.strictSame(
    ktap.filter((line) => /^ok/.test(line)),
    ['ok 1 hmm.hmm_device_private.open_close', 'ok 2 hmm2.hmm2_device_private.mine'],
  );
  t.match(ktap[2], '# Starting 2 tests from 2 test cases.');
});

t.test('mistakes are told', async (t) => {
  const own = FIXTURE('own', {});
  const fails = (body: () => unknown, message: string): void => {
    t.throws(body, { message });
  };
  const body = function* (): Generator<never, void> {};
  const run = (fixtures: unknown, options: RunOptions = {}) => runSuite(fixtures as AnyFixture, options);
  fails(() => FIXTURE('a b', {}), 'FIXTURE: "a b" is no name (letters, digits and _)');
  fails(
    () => TEST_F(own, 'x', (() => {}) as never),
    'TEST_F(own, x): expected a generator, function* (t) { ... }',
  );
  fails(() => TEST_F({} as never, 'x', body), 'TEST_F(?, x): the first argument is no FIXTURE');
  fails(() => FIXTURE_SETUP(hmmFixture(), body), 'FIXTURE_SETUP: hmm has its own');
  fails(() => run(own), 'fixtures: own has no test');
  fails(() => run({}), 'fixtures: expected what FIXTURE() returns');
  TEST_F(own, 'x', body);
  fails(() => TEST_F(own, 'x', body), 'TEST_F(own, x): own has this test already');
  fails(() => run(own, { only: ['own.y'] }), 'only: there is no test "own.y" (did you mean "own.x"?)');
  const hmm = hmmFixture();
  TEST_F(hmm, 'migrate', body);
  fails(() => run(hmm, { hmmTests: true }), 'TEST_F(hmm, migrate): hmm has this test already');
  fails(
    () => run(own, { bugs: ['coherent-minor-unset'], ...KERNEL }),
    'runSuite: loading test_hmm answers -ENOMEM',
  );
  TEST_F(own, 'forgets', function* (t) {
    t.sys.munlock(0, 1);
  });
  fails(() => run(own), 'sys.munlock(0, 1) was called without "yield*", so that it never ran');
});

t.test('a helper whose answer is used before it has run', async (t) => {
  const running = (write: (hmm: ReturnType<typeof hmmFixture>) => void) => () => {
    const hmm = hmmFixture();
    write(hmm);
    runSuite(hmm, { ...KERNEL, only: ['hmm.hmm_device_private.x'] });
  };
  const used = running((hmm) =>
    TEST_F(hmm, 'x', function* (t) {
      const buffer = hmm_buffer_alloc(t, 4) as unknown as { ptr: number; size: number };
      yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
    }),
  );
  t.throws(used, { message: '"yield*" is missing before hmm_buffer_alloc(..., 4), whose ptr is asked for' });
  const given = running((hmm) =>
    TEST_F(hmm, 'x', function* (t) {
      yield* hmm_buffer_free(t, hmm_buffer_alloc(t, 4) as never);
    }),
  );
  t.throws(given, {
    message:
      'hmm_buffer_free: "yield*" is missing before hmm_buffer_alloc(..., 4), which hmm_buffer_free() is given',
  });
  const unused = running((hmm) =>
    TEST_F(hmm, 'x', function* (t) {
      const buffer = yield* hmm_buffer_alloc(t, 4);
      hmm_buffer_free(t, buffer);
    }),
  );
  t.throws(unused, {
    message: 'hmm_buffer_free(..., ...) was called without "yield*", so that it never ran',
  });
  const first = running((hmm) =>
    TEST_F(hmm, 'x', function* () {
      yield* hmm_buffer_alloc(4 as never, 4);
    }),
  );
  t.throws(first, { message: 'hmm_buffer_alloc: expected t, or t.sys, as its first argument' });
});

t.test('every helper that sleeps notices it', async (t) => {
  const helpers = new Map<string, unknown>(Object.entries(selftest));
  const plain = [...Object.entries(ownHelpers), ...Object.entries(wordHelpers)]
    .filter(([, value]) => typeof value === 'function' && value.constructor.name === 'GeneratorFunction')
    .map(([name]) => name)
    .filter((name) => helpers.has(name));
  t.ok(plain.includes('hmm_buffer_alloc'));
  for (const name of plain) {
    const exported = helpers.get(name) as (first: unknown) => unknown;
    t.throws(() => exported(4), { message: `${name}: expected t, or t.sys, as its first argument` });
  }
});

t.test('what a test throws fails it at its line, also in a child, and the rest runs', async (t) => {
  const hmm = hmmFixture();
  TEST_F(hmm, 'throws', function* (t) {
    yield* t.sys.nanosleep(1);
    (undefined as unknown as { x: () => void }).x();
  });
  TEST_F(hmm, 'after', function* () {});
  TEST_F(hmm, 'helper', function* (t) {
    yield* hmm_buffer_free(t, undefined as never);
  });
  TEST_F(hmm, 'child', function* (t) {
    const pid = yield* t.fork(function* () {
      throw new RangeError('mine');
    });
    const status = yield* t.sys.waitpid(pid);
    t.EXPECT_EQ({ status: WEXITSTATUS(status) }, 0);
  });
  const names = ['throws', 'after', 'helper', 'child'].map((name) => `hmm.hmm_device_private.${name}`);
  const { tests } = runSuite(hmm, { ...KERNEL, only: names });
  t.strictSame(
    tests.map(({ result }) => result),
    ['fail', 'pass', 'fail', 'fail'],
  );
  t.match(tests[0]!.lines, [/^selftest\.test\.ts:\d+:throws:TypeError: Cannot read/, /by assertion$/]);
  t.match(tests[2]!.lines[0], /^selftest\.test\.ts:\d+:helper:TypeError: Cannot read/);
  t.match(tests[3]!.lines[0], /^selftest\.test\.ts:\d+:child:RangeError: mine$/);
});

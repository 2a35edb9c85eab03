// SPDX-License-Identifier: GPL-2.0-only
/** Annotations of GitHub Actions point to files of whoever wrote them. */
import { join } from 'node:path';
import t from 'tap';
import { bin, execute } from './hmm-sim.js';

const OWN = `import { expectTwo } from './helper.mjs';
export default ({ FIXTURE, TEST_F, FIXTURE_SETUP }) => {
  const own = FIXTURE('own', function* () { return {}; });
  TEST_F(own, 'here', function* (t) {
    t.EXPECT_EQ({ one: 1 }, 2);
  });
  TEST_F(own, 'helped', function* (t) {
    expectTwo(t);
  });
  return own;
};
`;
const HELPER = 'export function expectTwo(t) {\n  t.EXPECT_EQ({ one: 1 }, 2);\n}\n';

t.test("a maintainer's own tests", async (t) => {
  const directory = t.testdir({ mine: { 'own.mjs': OWN, 'helper.mjs': HELPER } });
  const env = { GITHUB_ACTIONS: 'true', RUNNER_TEMP: directory };
  for (const file of ['mine/own.mjs', join(directory, 'mine/own.mjs')]) {
    const args = [bin, 'smoke', '--seed', '7', '--suite', file, '-f', 'own'];
    const { stderr } = execute(process.execPath, args, { cwd: directory, env });
    t.strictSame(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => `::${line.split('::')[1]}`),
      [
        `::error file=${file},line=5,title=own.here`,
        `::error file=${file.replace('own.mjs', 'helper.mjs')},line=2,title=own.helped`,
      ],
    );
  }
});

t.test('a suite that throws while it is asked for is its own mistake, with its line', async (t) => {
  const directory = t.testdir({ 'own.mjs': 'export default ({ TESTF }) => {\n  TESTF(1);\n};\n' });
  const { status, stderr } = execute(process.execPath, [bin, 'smoke', '--suite', 'own.mjs'], {
    cwd: directory,
  });
  t.equal(status, 64);
  t.equal(stderr, 'hmm-sim: --suite: own.mjs throws TypeError: TESTF is not a function (own.mjs:2)\n');
});

t.test('the built-in ones', async (t) => {
  const args = [bin, 'smoke', '--seed', '7', '--kernel', '6.12', '-r', 'hmm2.hmm2_device_private.double_map'];
  const env = { GITHUB_ACTIONS: 'true', RUNNER_TEMP: t.testdir() };
  const { stderr } = execute(process.execPath, [...args, '--bug', 'foreign-private-refused'], { env });
  t.match(stderr, /^::error file=src\/selftests\/hmm-tests\/\w+\.ts,line=\d+,title=hmm2/);
});

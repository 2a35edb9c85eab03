// SPDX-License-Identifier: GPL-2.0-only
/** test_hmm.sh does what the kernel's script of that name does. */
import { readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { noNobody } from '../host.js';
import { execute, hmmSim, nobody, root } from './hmm-sim.js';

const usage = `Usage: ./test_hmm.sh
Example usage:

# Shows help message
./test_hmm.sh

# Smoke testing
./test_hmm.sh smoke

# Smoke testing with SPM enabled
./test_hmm.sh smoke <spm_addr_dev0> <spm_addr_dev1>

`;
const running = 'Running smoke test. Note, this test provides basic coverage.\n';
const missing = 'Missing module parameters. Make sure pass spm_addr_dev0 and spm_addr_dev1\n';
const script = (...args: readonly string[]) => execute('sh', ['./test_hmm.sh', ...args], { cwd: root });

t.test('no argument, or an unknown one', async (t) => {
  t.same(script(), { status: 0, stdout: usage, stderr: '' });
  t.same(script('--help'), { status: 0, stdout: usage, stderr: '' });
  t.same(script('performance'), {
    status: 64,
    stdout: usage,
    stderr: './test_hmm.sh: unknown word "performance"; expected smoke\n',
  });
});

t.test('one address', async (t) => {
  const expected = { status: 64, stdout: running + missing + usage, stderr: '' };
  t.same(script('smoke', '0x100000000'), expected);
  t.same(script('smoke', '0x100000000', '--seed', '7'), expected);
});

t.test('options are passed on, and so is the exit status', async (t) => {
  const list = hmmSim('smoke', '-l');
  t.same(script('smoke', '-l'), { ...list, stdout: running + list.stdout });
  t.same(script('smoke', '0x100000000', 'x'), {
    status: 64,
    stdout: running,
    stderr: 'hmm-sim: spm_addr_dev1: "x" is not a number (expected 64 or 0x40)\n',
  });
});

t.test('what follows two addresses is not looked at, up to the first option', async (t) => {
  const list = hmmSim('smoke', '0x100000000', '0x140000000', '-l');
  t.same(script('smoke', '0x100000000', '0x140000000', '3', 'extra', '-l'), {
    ...list,
    stdout: running + list.stdout,
  });
});

t.test('from another directory, through its path', async (t) => {
  const { status, stdout } = execute('sh', [`${root}test_hmm.sh`, 'smoke', '-h'], { cwd: '/' });
  t.equal(status, 4);
  t.equal(stdout, running + hmmSim('smoke', '-h').stdout);
});

t.test('without node', async (t) => {
  const tools = t.testdir();
  for (const tool of ['dirname', 'cat']) {
    symlinkSync(execute('sh', ['-c', `command -v ${tool}`]).stdout.trim(), `${tools}/${tool}`);
  }
  t.same(execute('/bin/sh', ['-c', `PATH=${tools} exec /bin/sh ./test_hmm.sh smoke`], { cwd: root }), {
    status: 4,
    stdout: running,
    stderr: './test_hmm.sh: You need Node.js 20 or newer\n',
  });
});

t.test('what is built goes by what the sources say, not by when', async (t) => {
  const tree = t.testdir({
    'test_hmm.sh': readFileSync(`${root}test_hmm.sh`, 'utf8'),
    scripts: { 'sources.sh': readFileSync(`${root}scripts/sources.sh`, 'utf8'), 'bundle.js': '' },
    src: { 'a.ts': 'one' },
    'tsconfig.json': '{}',
    'tsconfig.build.json': '{}',
    'package.json': JSON.stringify({
      scripts: {
        build:
          'mkdir -p dist bundle/cli && touch bundle/cli/main.js && echo built && sh scripts/sources.sh > dist/.sources',
      },
    }),
    bin: { 'hmm-sim.js': '' },
  });
  const run = () => execute('sh', [`${tree}/test_hmm.sh`, 'smoke']);
  const built = `${tree}/test_hmm.sh: building from the sources\nbuilt\n`;
  t.equal(run().stderr, built);
  utimesSync(`${tree}/src/a.ts`, 4e9, 4e9);
  t.equal(run().stderr, '', 'a newer file with the same text');
  writeFileSync(`${tree}/src/a.ts`, 'two');
  utimesSync(`${tree}/src/a.ts`, 1, 1);
  t.equal(run().stderr, built, 'an older file with another text');
  const lock = { name: 'x', lockfileVersion: 3, packages: { '': {} } };
  writeFileSync(`${tree}/package-lock.json`, JSON.stringify(lock));
  t.match(run().stderr, `${tree}/test_hmm.sh: installing what it needs, with npm ci; once only\n`);
  rmSync(`${tree}/package-lock.json`);
  if (noNobody() !== false) return;
  const readOnly = () => {
    execute('chmod', ['-R', 'a-w,a+rX', tree]);
    const { status, stderr } = execute('sh', [`${tree}/test_hmm.sh`, 'smoke'], nobody);
    execute('chmod', ['-R', 'u+w', tree]);
    return [status, stderr];
  };
  t.strictSame(readOnly(), [0, ''], 'nothing to be done in a tree that cannot be written');
  writeFileSync(`${tree}/src/a.ts`, 'three');
  t.strictSame(readOnly(), [
    0,
    `${tree}/test_hmm.sh: ${tree} cannot be written: this is what was built before the sources changed\n`,
  ]);
  rmSync(`${tree}/bundle`, { recursive: true });
  const refusal = `${tree}/test_hmm.sh: ${tree} cannot be written, and what is there is not built: run "npm ci" there as somebody who may\n`;
  t.strictSame(readOnly(), [1, refusal]);
  writeFileSync(`${tree}/package-lock.json`, '{}');
  t.strictSame(readOnly(), [1, refusal], 'nor is anything fetched');
});

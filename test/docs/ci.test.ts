// SPDX-License-Identifier: GPL-2.0-only
/** The commands of docs/CI.md do what it says; small programs stand in for those of systems that are not here. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { bin, execute, type Ran, root } from '../cli/hmm-sim.js';

const blocks = new Map(
  [...readFileSync(`${root}docs/CI.md`, 'utf8').matchAll(/^```sh (\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, name, text]) => [name!, text!],
  ),
);

const failing =
  'name: bad\nsteps:\n  - { op: open, fd: d0, device: 0 }\n  - { op: close, fd: d0, expect: { ret: EBADF } }\n';

/** Programs that the recipes call, on a PATH. */
function tools(directory: string): string {
  const path = `${directory}/bin`;
  mkdirSync(path);
  const programs = {
    'hmm-sim': `exec "${process.execPath}" "${bin}" "$@"`,
    'lava-test-case': 'echo "lava $*"',
    parallel: `while read -r n; do sh -c "$(printf %s "$1" | sed "s/{}/$n/g")" || exit; done`,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(`${path}/${name}`, `#!/bin/sh\n${text}\n`);
    chmodSync(`${path}/${name}`, 0o755);
  }
  return path;
}

const directory = t.testdir({ scenarios: { 'bad.yaml': failing, 'fine.yaml': 'name: fine\nsteps: []\n' } });
const path = `${tools(directory)}:${process.env.PATH}`;

function recipe(name: string, env: NodeJS.ProcessEnv = {}): Ran {
  return execute('sh', ['-c', blocks.get(name)!], { cwd: directory, env: { PATH: path, ...env } });
}

t.test('GitHub: an annotation at the step, and JUnit among the files of the runner', async (t) => {
  const { status, stderr, stdout } = recipe('github', { GITHUB_ACTIONS: 'true', RUNNER_TEMP: directory });
  t.equal(status, 1);
  t.match(stdout, '\nnot ok 1 bad\n');
  t.equal(stderr, '::error file=scenarios/bad.yaml,line=4,title=bad::step 1: ret: expected "EBADF", got 0\n');
  const [report] = readdirSync(directory).filter((name) => /^hmm-sim-run-\d+\.xml$/.test(name));
  t.match(readFileSync(`${directory}/${report}`, 'utf8'), '<testsuites tests="2" failures="1"');
});

t.test('GitLab and Jenkins: colours, JUnit, and the status', async (t) => {
  for (const name of ['gitlab', 'jenkins']) {
    const { status, stdout, stderr } = recipe(name);
    t.equal(status, 1);
    t.equal(stderr, '');
    t.equal(stdout.includes('\x1b[31mnot ok 1 bad'), name === 'gitlab');
    t.match(readFileSync(`${directory}/junit.xml`, 'utf8'), '<testsuites tests="2" failures="1"');
  }
});

t.test('LAVA', async (t) => {
  const { stdout } = recipe('lava');
  t.strictSame(stdout.trim().split('\n'), [
    'lava hmm2.migrate_mixed --result pass',
    'lava hmm2.snapshot --result pass',
    'lava hmm2.double_map --result pass',
  ]);
});

t.test('arrays: the parts of each are the campaign', async (t) => {
  const found: string[][] = [];
  for (const name of ['slurm', 'kubernetes', 'parallel']) {
    for (const n of name === 'parallel' ? [0] : [0, 1, 2, 3]) {
      const slurm = { SLURM_ARRAY_TASK_ID: String(n + 1), SLURM_ARRAY_TASK_COUNT: '4' };
      const ran = recipe(name, { ...slurm, JOB_COMPLETION_INDEX: String(n), JOB_COMPLETIONS: '4' });
      t.same([ran.status, ran.stderr], [0, ''], name);
    }
    t.equal(readdirSync(`${directory}/out`).length, 4);
    const { status } = recipe('merge');
    t.equal(status, 0);
    found.push(readdirSync(`${directory}/found`).sort());
    execute('rm', ['-r', `${directory}/out`, `${directory}/found`]);
  }
  t.strictSame(found[0], ['oops-dmirror_do_read.yaml']);
  t.strictSame(found[1], found[0]);
  t.strictSame(found[2], found[0]);
});

t.test('every recipe is tried', async (t) => {
  const tried = ['github', 'gitlab', 'jenkins', 'lava', 'slurm', 'kubernetes', 'parallel', 'merge'];
  t.strictSame([...blocks.keys()], tried);
});

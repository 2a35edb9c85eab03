// SPDX-License-Identifier: GPL-2.0-only
/** Locks where a step sleeps, told by run and in the shell; and options that take what was meant as an argument. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, hmmSim } from './hmm-sim.js';

const STEPS = ['open d0 2', 'mmap r0 1', 'MIGRATE_TO_DEV d0 r0', 'EXCLUSIVE d0 r0'];

t.test('run --locks', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'locks-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'release.yaml');
  const steps = [...STEPS, '{ op: RELEASE, fd: d0, region: r0 }'].map((step) => `  - ${step}\n`).join('');
  writeFileSync(path, `name: release\nkernel: "6.12"\nsteps:\n${steps}`);
  const told = (...args: string[]) =>
    hmmSim('run', path, ...args)
      .stdout.split('\n')
      .filter((line) => line.includes('  locks  '));
  t.strictSame(told('--locks'), [
    '# step 4  locks  p0 slept in memunmap_pages; holds hmm_dmirror2 devmem_lock',
    '# step 4  locks  p0 stays in memunmap_pages; holds hmm_dmirror2 devmem_lock',
  ]);
  t.strictSame(told(), []);
  t.strictSame(hmmSim('run', path, '--locks', '--json').status, 64);
});

t.test('why --locks', async (t) => {
  const input = [...STEPS, '{ op: RELEASE, fd: d0, region: r0 }', 'why --locks', 'why', 'why x'].join('\n');
  const { stdout, stderr } = execute(
    process.execPath,
    [bin, 'shell', '--kernel', '6.12', '0x100000000', '0x140000000'],
    { input },
  );
  const lines = stdout.split('\n').filter((line) => line.includes('  locks  '));
  t.strictSame(lines, [
    '  locks  p0 slept in memunmap_pages; holds hmm_dmirror2 devmem_lock',
    '  locks  p0 stays in memunmap_pages; holds hmm_dmirror2 devmem_lock',
    '  locks  p0 stays in memunmap_pages; holds hmm_dmirror2 devmem_lock',
  ]);
  t.match(stderr, 'stdin:8: why: expected --locks or nothing, got "x"\n');
});

t.test('an option that took the argument', async (t) => {
  const cases: readonly [string, string, string][] = [
    ['export', '--c', 'files'],
    ['explain', '--trace', 'file'],
    ['run', '--junit', 'files'],
    ['show', '--html', 'file'],
    ['shrink', '--out', 'file'],
    ['run', '--name', 'files'],
  ];
  for (const [command, option, argument] of cases) {
    t.strictSame(hmmSim(command, option, 'x.yaml'), {
      status: 64,
      stdout: '',
      stderr: `hmm-sim: missing required argument '${argument}': x.yaml is the value of ${option} (see hmm-sim ${command} --help)\n`,
    });
  }
  t.strictSame(hmmSim('run'), {
    status: 64,
    stdout: '',
    stderr: "hmm-sim: missing required argument 'files' (see hmm-sim run --help)\n",
  });
});

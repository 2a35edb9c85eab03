// SPDX-License-Identifier: GPL-2.0-only
/** Who waits for whose page of a DAX file, as `explain` tells it; how a step in the background ends. */
import t from 'tap';
import { hmmSim } from '../cli/hmm-sim.js';

const EXAMPLE = 'examples/features/fs-dax.yaml';

t.test('who waits for which page', async (t) => {
  const { stdout, status } = hmmSim('explain', EXAMPLE);
  t.equal(status, 0);
  const [, told] = /^step 7 .*\n(.*)$/m.exec(stdout)!;
  t.equal(
    told,
    '  locks  p0 stays in ext4_wait_dax_page, waits for the last reference to page 1 of the file (pfn 0x1c0001), held by page_holder for p1; holds none',
  );
  t.match(stdout, /^step 9 {2}p0 await: ret 0$/m);
});

t.test('in 7.3 who touches the page again makes who waits for it wait for his mapping, too', async (t) => {
  const steps = [
    'mount pmem0 ext4',
    'mmap r0 1 shared dax',
    'store r0 64',
    'get r0',
    'truncate r0 0 background',
    'store r0 65',
    'put',
    'await',
  ];
  const ends = (kernel: string): string => {
    const machine = 'machine: { module: false, modprobe: [nd_pmem] }';
    const lines = steps.map((step) => `  - ${step}\n`).join('');
    const directory = t.testdir({ 'a.yaml': `name: a\nkernel: "${kernel}"\n${machine}\nsteps:\n${lines}` });
    return hmmSim('explain', `${directory}/a.yaml`).stdout;
  };
  t.match(
    ends('7.3'),
    'waits for the last reference to page 0 of the file (pfn 0x1c0000), held by the mapping of p0; holds none',
  );
  // Before, entries were no references.
  t.match(ends('6.12'), 'step 7  p0 await: ret 0');
});

t.test('the pages of the file are at home on their device', async (t) => {
  const { stdout } = hmmSim('show', EXAMPLE);
  t.match(stdout, /D persistent memory/);
  t.match(stdout, /^p0 r0\[1\] .*D0 rw held/m);
});

t.test('a signal, or nobody, ends the wait', async (t) => {
  for (const name of ['punch-background', 'await', 'truncate-background'])
    t.equal(hmmSim('run', '--check', `examples/steps/${name}.yaml`).status, 0, name);
});

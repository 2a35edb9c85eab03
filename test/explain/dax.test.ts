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

t.test('the pages of the file are at home on their device', async (t) => {
  const { stdout } = hmmSim('show', EXAMPLE);
  t.match(stdout, /D persistent memory/);
  t.match(stdout, /^p0 r0\[1\] .*D0 rw held/m);
});

t.test('a signal, or nobody, ends the wait', async (t) => {
  for (const name of ['punch-background', 'await', 'truncate-background'])
    t.equal(hmmSim('run', '--check', `examples/steps/${name}.yaml`).status, 0, name);
});

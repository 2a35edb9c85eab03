// SPDX-License-Identifier: GPL-2.0-only
/** Huge pages on a device, as explain and show tell of them. */
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const file = 'test/derived/huge-private-7.3.yaml';

t.test('explain: whole, by the functions of huge entries, and split where a part goes', async (t) => {
  const { status, stdout } = hmmSim('explain', file);
  t.equal(status, 0);
  for (const line of [
    '  r0[0..1023]  migrated  migrate_vma_pages  system -> private on hmm_dmirror0\n',
    '  r0[0..1023]  DEV_PRIVATE_LOCAL|WRITE|PMD  hmm_vma_handle_absent_pmd  private on hmm_dmirror0\n',
    '  r0[0..1023]  ERROR  hmm_vma_handle_absent_pmd  wrong owner, and a snapshot faults nothing in: ',
    '  r0[5]  loaded  dmirror_devmem_fault  brought back from hmm_dmirror0: system pfn ',
    '  r0[0..511]     shared  copy_huge_pmd        system, CPU rw -> r in both\n',
  ]) {
    t.ok(stdout.includes(line), line);
  }
});

t.test('show: a sign of its own, in the legend where there is one', async (t) => {
  const { status, stdout } = hmmSim('show', file);
  t.equal(status, 0);
  t.match(stdout, /H private huge page \(local\)/);
  t.match(stdout, /\np0 r0\[512\.\.599\] .*H0 - 0rw/);
  t.notMatch(hmmSim('show', 'test/derived/fault-batch-7.3.yaml').stdout, /private huge page/);
});

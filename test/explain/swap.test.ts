// SPDX-License-Identifier: GPL-2.0-only
/** Pages on the swap device are told as what they are: without a pfn, and by who brings them back. */
import t from 'tap';
import { drawScenario } from '../../src/explain/show-grid.js';
import { gridText } from '../../src/report/grid-text.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { explained } from './lines.js';

const STEPS = [
  'open d0 0',
  'mmap r0 1',
  'store r0 64',
  'madvise r0 pageout',
  'MIGRATE_TO_DEV d0 r0',
  'SNAPSHOT d0 r0',
  'load r0',
];

const text = `name: x\nkernel: "6.12"\nmachine: { swap: 64M }\nsteps:\n${STEPS.map((line) => `  - ${line}\n`).join('')}`;
const [loaded] = load(text, 'x', 'yaml').documents;
const { document } = loaded!;

t.test('explain', async (t) => {
  const last = (step: number) =>
    explained({ ...document, steps: document.steps.slice(0, step + 1) }, step).at(-1);
  t.match(
    last(3),
    /^ {2}r0\[0\] {2}swapped out {2}try_to_unmap_one {2}system pfn 0x[0-9a-f]+ -> swapped out$/,
  );
  t.equal(last(4), '  r0[0]  stays  migrate_vma_collect_pmd  swapped out');
  t.equal(last(5), '  r0[0]  NONE  hmm_vma_handle_pte  swap entry, and a snapshot faults nothing in');
  const [loaded, refaulted] = explained(document, 6).slice(-2);
  t.match(loaded, /^ {2}r0\[0\] {2}loaded {2}do_swap_page {2}read from swap: system pfn 0x[0-9a-f]+$/);
  t.match(refaulted, /^ {2}refaults r0\[0\] of p0 {2}workingset_refault {2}/);
});

t.test('show', async (t) => {
  const setup = new Setups().of(document);
  const lines = gridText(drawScenario(bootMachine(setup), setup, document), {
    width: 120,
    paint: (one) => one,
  });
  t.match(lines.join('\n').replaceAll(/\s+/g, ' '), /O swapped out/);
  t.match(lines.at(-1), /^p0 r0\[0\] +\. +S rw +O - +O - +O - +S r/);
});

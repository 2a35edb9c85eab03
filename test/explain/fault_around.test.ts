// SPDX-License-Identifier: GPL-2.0-only
/** Pages of a file that no fault of their own mapped: which one did. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

/** What is told of the pages of the last step. */
function told(machine: string, ...steps: readonly string[]): string[] {
  const text = `name: x\nkernel: "7.3"\n${machine}steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  const { document } = load(text, 'x', 'yaml').documents[0]!;
  const lines = explained(document, steps.length - 1).filter((line) => /^ {2}r\d/.test(line));
  return lines.map((line) => line.replace(/ pfn 0x[0-9a-f]+/g, '').replace(/ {2,}/g, '  '));
}

t.test('by fault-around, but for the page where more is read ahead', (t) => {
  t.strictSame(told('', 'mmap r0 40 r shared disk', 'load r0'), [
    '  r0[0]  loaded  do_fault  nothing was mapped: system',
    '  r0[1..15]  loaded  filemap_map_pages  mapped by the fault of r0[0]: system',
    '  r0[16]  loaded  do_fault  nothing was mapped: system',
    '  r0[17..23]  loaded  filemap_map_pages  mapped by the fault of r0[16]: system',
    '  r0[24]  loaded  do_fault  nothing was mapped: system',
    '  r0[25..31]  loaded  filemap_map_pages  mapped by the fault of r0[16]: system',
    '  r0[32]  loaded  do_fault  nothing was mapped: system',
    '  r0[33..39]  loaded  filemap_map_pages  mapped by the fault of r0[32]: system',
  ]);
  t.end();
});

t.test('what was mapped in the step before has no fault, whoever mapped it', (t) => {
  t.strictSame(told('', 'mmap r0 16 r shared disk', 'load r0[0]', 'load r0[1..2]'), [
    '  r0[1]  loaded  no fault: system',
    '  r0[2]  loaded  no fault: system',
  ]);
  t.end();
});

t.test('by the fault of another page of a huge one', (t) => {
  const steps = [
    'mmap r0 512 rw shared file',
    'store r0 1',
    'madvise r0 collapse',
    'fork p1',
    'as p1 load r0[3..34]',
  ];
  t.strictSame(told('', ...steps), [
    '  r0[3]  loaded  do_fault  nothing was mapped: system',
    '  r0[4..34]  loaded  filemap_map_pages  mapped by the fault of r0[3]: system',
  ]);
  t.end();
});

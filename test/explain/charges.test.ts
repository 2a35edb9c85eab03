// SPDX-License-Identifier: GPL-2.0-only
/** explain tells whose pages are charged to which memory cgroup, by whom, and which of them move along with a process. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

type Document = Parameters<typeof explained>[0];

const derived = (name: string): Document => {
  const file = `test/derived/${name}.yaml`;
  return load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!.document;
};

const written = (kernel: string, steps: readonly string[]): Document => {
  const text = `name: x\nkernel: "${kernel}"\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  return load(text, 'x', 'yaml').documents[0]!.document;
};

const told = (document: Document, step: number): string[] =>
  explained(document, step).filter((line) => /charge|^ {2}\/c/.test(line));

t.test('what is charged, by whom, and where', (t) => {
  const document = derived('memcg-move-private');
  t.strictSame(told(document, 6), ['  charges r0[0..3] of p0 to /c0  commit_charge']);
  t.strictSame(told(document, 7), ['  charges 0x7ffff77ff000 (2 pages) of p0 to /c0  commit_charge']);
  // On the device the pages are charged like before.
  t.strictSame(told(document, 9), [
    '  /c0 has r0[2..3] of p0, charged by p0',
    '  /c0 has 0x7ffff77ff000 (2 pages) of p0, charged by p0',
    '  /c0 has r0[0..1] of p0, charged by p0',
  ]);
  t.end();
});

t.test('since 6.3 charges of private pages stay where they are when the process moves', (t) => {
  t.strictSame(told(derived('memcg-move-private'), 10), [
    '  leaves the charge of r0[0..1] of p0 with /c0  get_mctgt_type  mapped by an entry that is not present',
    '  moves the charge of r0[2..3] of p0 from /c0 to /c1  mem_cgroup_move_account',
  ]);
  t.strictSame(told({ ...derived('memcg-move-private'), kernel: '6.1' }, 10), [
    '  moves the charge of r0[0..3] of p0 from /c0 to /c1  mem_cgroup_move_account',
  ]);
  t.strictSame(told(derived('memcg-move-coherent'), 10), [
    '  moves the charge of r0[0..3] of p0 from /c0 to /c1  mem_cgroup_move_account',
    '  moves the charge of 0x7ffff77ff000 (2 pages) of p0 from /c0 to /c1  mem_cgroup_move_account',
  ]);
  t.end();
});

t.test('in 7.3 no charge moves', (t) => {
  const steps = [
    'mkcgroup c0',
    'cgroup_join c0',
    'mmap r0 2',
    'store r0 64',
    'cgroup_join root',
    'cgroup_read c0',
  ];
  const document = written('7.3', steps);
  t.strictSame(told(document, 4), []);
  t.strictSame(told(document, 5), ['  /c0 has r0[0..1] of p0, charged by p0']);
  t.end();
});

t.test('a page of a file is paid for by who touched it first, and stays charged when nobody maps it', (t) => {
  const steps = [
    'mkcgroup c0',
    'mmap r0 2 shared file',
    'fork p1',
    '{ as: p1, op: cgroup_join, cgroup: c0 }',
    '{ as: p1, op: store, region: r0, page: 0, pages: 2, word: 64 }',
    'cgroup_read c0',
    '{ as: p1, op: exit }',
    'munmap r0',
    'cgroup_read c0',
  ];
  const document = written('6.12', steps);
  t.strictSame(told(document, 5), ['  /c0 has r0[0..1] of p0, charged by p1']);
  t.strictSame(told(document, 8), ['  /c0 has 2 pages that nobody maps, charged by p1']);
  t.end();
});

// SPDX-License-Identifier: GPL-2.0-only
/** Exported programs compile without a warning, whatever their scenarios do. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { cComment, cString } from '../../src/export/literal.js';
import { load } from '../../src/scenario/load.js';
import { noCompiler } from '../host.js';
import { compile, documentOf, program } from './export-compile.js';

/** Scenarios of each recording that are compiled. */
const BATCH = 8;

t.test('text as C spells it', async (t) => {
  t.equal(cString('a "b" \\ ?\n\t'), '"a \\"b\\" \\\\ \\?\\n\\t"');
  t.equal(cString('ü0'), '"\\303\\2740"');
  t.equal(cComment('a */ b /* c\nd'), 'a * / b / * c d');
});

t.test('every category of recordings compiles', { skip: noCompiler() }, (t) => {
  for (const name of readdirSync('test/golden/6.12')) {
    // Both kernels have the same interface: one program holds scenarios of both.
    const batches = ['6.12', '6.1'].map((kernel) => {
      const text = gunzipSync(readFileSync(`test/golden/${kernel}/${name}`)).toString();
      return text.split('\n').slice(0, BATCH).join('\n');
    });
    const documents = load(batches.join('\n'), name, 'jsonl').documents.map(({ document }) => document);
    t.equal(compile(t.testdir(), program(documents, { expect: true })).errors, '', name);
  }
  t.end();
});

t.test(
  'each op alone compiles: nothing is there that nobody uses, or missing',
  { skip: noCompiler() },
  (t) => {
    const range = 'region: r0, page: 0, pages: 1';
    const ops = [
      'open, fd: d0, device: 0',
      'close, fd: d0',
      ...['anon', 'hugetlb', 'file', 'device, fd: d0'].map(
        (backing) => `mmap, region: r0, pages: 1, prot: w, share: shared, backing: ${backing}`,
      ),
      ...['munmap', 'mlock', 'munlock', 'load', 'pagemap'].map((op) => `${op}, ${range}`),
      `mprotect, ${range}, prot: none`,
      `madvise, ${range}, advice: collapse`,
      `mremap, ${range}, to: { region: r1, page: 0 }`,
      `mremap, ${range}, to: { region: r1, page: 0 }, dontunmap: true`,
      `mremap, ${range}, toPages: 2`,
      'truncate, region: r0, pages: 1',
      ...['punch', 'fread', 'write', 'mincore', 'uffd_unregister', 'uffd_zero'].map(
        (op) => `${op}, ${range}`,
      ),
      ...['fwrite', 'read', 'uffd_copy'].map((op) => `${op}, ${range}, word: 4294967295`),
      `fread, ${range}, buffer: r1`,
      `fwrite, ${range}, buffer: r1`,
      `peek, of: p0, ${range}`,
      `poke, of: p0, ${range}, word: 1, force: true`,
      'uffd',
      `uffd_register, ${range}, mode: [missing, wp]`,
      `uffd_copy, ${range}, word: 1, wp: true`,
      `uffd_wp, ${range}, wp: false`,
      `ioctl_raw, fd: d0, nr: 9, region: r0, offset: "-0x8000000000000000", npages: 1`,
      `store, ${range}, word: 4294967295`,
      `ioctl, cmd: SNAPSHOT, fd: d0, ${range}`,
      `ioctl_raw, fd: d0, nr: 9, region: r0, offset: 1, npages: "18446744073709551615"`,
      `gup, ${range}, kind: pin_fast_longterm`,
      `pin, ${range}, write: false`,
      'unpin',
      'fork, child: p1',
      'exit',
    ];
    for (const op of ops) {
      const text = program([documentOf(`name: a\nsteps: [ { op: ${op} } ]\n`)], { expect: false });
      t.equal(compile(t.testdir(), text, { flags: ['-S'] }).errors, '', op);
    }
    const empty = program([documentOf('name: a\nsteps: []\n')], { expect: true });
    t.equal(compile(t.testdir(), empty).errors, '', 'no step');
    t.end();
  },
);

t.test('one program has one interface', async (t) => {
  const steps = 'steps: [ { op: exit } ]';
  const documents = ['"6.12"', 'v5-generic'].map((kernel) =>
    documentOf(`name: a\nkernel: ${kernel}\n${steps}\n`),
  );
  t.throws(() => program(documents, { expect: false }), {
    name: 'UsageError',
    message:
      'the documents use the interfaces of 6.12 and v5-generic; export them into a program each (--name), or choose one (--kernel)',
  });
});

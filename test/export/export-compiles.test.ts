// SPDX-License-Identifier: GPL-2.0-only
/** Exported programs compile without a warning, whatever their scenarios do. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { cComment, cString } from '../../src/export/literal.js';
import { load } from '../../src/scenario/load.js';
import { definitionOf, steps } from '../../src/scenario/steps/index.js';
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
      ...['anon', 'hugetlb', 'file', 'disk', 'dax', 'dax, disk: pmem1', 'device, fd: d0'].map(
        (backing) => `mmap, region: r0, pages: 1, prot: w, share: shared, backing: ${backing}`,
      ),
      ...['munmap', 'mlock', 'munlock', 'load', 'pagemap'].map((op) => `${op}, ${range}`),
      `mprotect, ${range}, prot: none`,
      `madvise, ${range}, advice: collapse`,
      `mremap, ${range}, to: { region: r1, page: 0 }`,
      `mremap, ${range}, to: { region: r1, page: 0 }, dontunmap: true`,
      `mremap, ${range}, toPages: 2`,
      'truncate, region: r0, pages: 1',
      ...['ext4', 'xfs', 'fuse'].map((fs) => `mount, disk: pmem1, fs: ${fs}`),
      'umount, disk: pmem0',
      'unlink, region: r0',
      'unlink, region: r0, disk: pmem1',
      ...['c0', 'memory/c1'].flatMap((cgroup) => [
        ...['mkcgroup', 'rmcgroup', 'cgroup_join', 'cgroup_read'].map((op) => `${op}, cgroup: ${cgroup}`),
        ...['65536', '64K', 'max'].map((limit) => `cgroup_limit, cgroup: ${cgroup}, limit: ${limit}`),
      ]),
      'cgroup_join, cgroup: root',
      'cgroup_moves, cgroup: memory/c0, value: 3',
      `fread, ${range}, direct: true`,
      `fwrite, ${range}, word: 1, direct: true`,
      `store, ${range}, word: 1, step: 1`,
      `load, ${range}, word: 1`,
      `get, ${range}`,
      'put',
      'make_it_fail, value: 1',
      'mce_kill, policy: early',
      'mce_kill, policy: late, everybody: true',
      'fsync, region: r0',
      `msync, ${range}`,
      `sync_file_range, ${range}, wait: true`,
      'kill, signal: SIGABRT, core: true',
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
      `mbind, ${range}, policy: bind, nodes: [1], move: own`,
      'set_mempolicy, policy: interleave, nodes: [0, 1]',
      'migrate_pages, from: [0], onto: [1]',
      `move_pages, ${range}`,
      `move_pages, ${range}, node: 1`,
      'fork, child: p1',
      'exit',
    ];
    const taken = new Set<string | null>();
    for (const op of ops) {
      const document = documentOf(`name: a\nsteps: [ { op: ${op} } ]\n`);
      for (const step of document.steps) taken.add(definitionOf(step).c.taker(step));
      const text = program([document], { expect: false });
      t.equal(compile(t.testdir(), text, { flags: ['-S'] }).errors, '', op);
    }
    const takers = Object.values(steps).flatMap(({ c }): readonly string[] => c.takers);
    t.same(
      takers.filter((taker) => !taken.has(taker)),
      [],
      'no function is left out',
    );
    const empty = program([documentOf('name: a\nsteps: []\n')], { expect: true });
    t.equal(compile(t.testdir(), empty).errors, '', 'no step');
    t.end();
  },
);

t.test('what no program can do is told in a line', (t) => {
  const range = 'region: r0, page: 0, pages: 1';
  const why = {
    [`lock, ${range}`]: 'no program can hold the lock of a page',
    [`unlock, ${range}`]: 'no program can hold the lock of a page',
    [`offline, ${range}`]: 'what else lies in a memory block differs from machine to machine',
    online: 'there is nothing to bring back where nothing was taken out of use',
    'map_vdso, region: r0': 'a real program has its vdso already',
    await: 'it takes one step at a time',
    'truncate, region: r0, pages: 1, background: true': 'it takes one step at a time',
    [`punch, ${range}, background: true`]: 'it takes one step at a time',
  };
  for (const [op, message] of Object.entries(why)) {
    const document = documentOf(`name: a\nsteps: [ { op: ${op} } ]\n`);
    const [name] = op.split(',');
    t.throws(() => program([document], { expect: false }), { message: `a: step 0, ${name}: ${message}` }, op);
  }
  t.end();
});

t.test('the documents of DAX files and cgroups compile', { skip: noCompiler() }, (t) => {
  const files = [
    'features/dax-references',
    'features/memory-cgroups',
    'features/device-charges',
    'steps/umount',
  ];
  for (const name of files) {
    const file = `examples/${name}.yaml`;
    const documents = load(readFileSync(file, 'utf8'), file, 'yaml').documents.map(
      ({ document }) => document,
    );
    t.equal(compile(t.testdir(), program(documents, { expect: true })).errors, '', name);
  }
  t.end();
});

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

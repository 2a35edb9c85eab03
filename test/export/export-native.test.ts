// SPDX-License-Identifier: GPL-2.0-only
/** An exported program that needs no driver, on the Linux that runs the tests: only what every Linux answers. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { noCompiler } from '../host.js';
import { compile, documentOf, execute, program } from './export-compile.js';

const NATIVE = `
name: "it's \\"native\\" # \\\\ ü ??="
kernel: "6.12"
machine: { hugepages: 4 }
steps:
  - { op: mmap, region: r0, pages: 4, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { op: store, region: r0, page: 0, pages: 5, word: 4294967295, expect: { pages: [ ok, ok, ok, ok, SIGSEGV ] } }
  - { op: load, region: r0, page: 0, pages: 5, expect: { pages: [ 4294967295, 0, 1, 2, SIGSEGV ] } }
  - { op: mprotect, region: r0, page: 1, pages: 1, prot: r, expect: { ret: 0 } }
  - { op: store, region: r0, page: 0, pages: 2, word: 7, expect: { pages: [ ok, SIGSEGV ] } }
  - { op: mmap, region: r1, pages: 2, prot: rw, share: shared, backing: file, expect: { ret: 0 } }
  - { op: fork, child: p1, expect: { ret: 0 } }
  - { as: p1, op: fork, child: p2, expect: { ret: 0 } }
  - { as: p2, op: store, region: r0, page: 0, pages: 1, word: 99, expect: { pages: [ ok ] } }
  - { as: p1, op: store, region: r1, page: 0, pages: 1, word: 5, expect: { pages: [ ok ] } }
  - { as: p2, op: mmap, region: r2, pages: 3, prot: r, share: private, backing: file, expect: { ret: 0 } }
  - { as: p2, op: mmap, region: r1, pages: 3, prot: r, share: private, backing: file, replace: true, expect: { ret: 0 } }
  - { as: p2, op: load, region: r1, page: 0, pages: 3, expect: { pages: [ 5, 0, SIGBUS ] } }
  - { op: load, region: r0, page: 0, pages: 1, expect: { pages: [ 7 ] } }
  - { op: load, region: r1, page: 0, pages: 3, expect: { pages: [ 5, 0, SIGSEGV ] } }
  - { op: pagemap, region: r1, page: 0, pages: 3, expect: { map: [ Pf, Pf, . ] } }
  - { as: p1, op: exit, expect: { ret: 0 } }
  - { as: p1, op: load, region: r0, page: 0, pages: 1, expect: { ret: ESRCH } }
  - { as: p2, op: pagemap, region: r0, page: 0, pages: 1, expect: { map: [ Px ] } }
  - { op: mremap, region: r0, page: 0, pages: 1, to: { region: r5, page: 3 }, expect: { ret: 0 } }
  - { op: load, region: r5, page: 3, pages: 1, expect: { pages: [ 7 ] } }
  - { op: madvise, region: r5, page: 3, pages: 1, advice: dontneed, expect: { ret: 0 } }
  - { op: load, region: r5, page: 3, pages: 1, expect: { pages: [ 0 ] } }
  - { op: munmap, region: r5, page: 0, pages: 0, expect: { ret: EINVAL } }
  - { op: fork, child: p3, expect: { ret: 0 } }
  - { as: p3, op: load, region: r0, page: 1, pages: 1, expect: { pages: [ 0 ] } }
  - { op: mmap, region: r3, page: 2, pages: 3, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { op: store, region: r3, page: 2, pages: 4, word: 9, step: -2, expect: { pages: [ ok, ok, ok, SIGSEGV ] } }
  - { op: load, region: r3, page: 2, pages: 3, word: 9, step: -2, add: 1, expect: { pages: [ ok, ok, ok ] } }
  - { op: load, region: r3, page: 2, pages: 3, word: 9, step: -2, expect: { pages: [ mixed, mixed, mixed ] } }
  - { op: store, region: r3, page: 3, pages: 2, word: 5, offset: 1020, words: 8, expect: { pages: [ ok, ok ] } }
  - { op: load, region: r3, page: 3, pages: 2, offset: 1020, words: 8, expect: { pages: [ 5, 5 ] } }
  - { op: load, region: r3, page: 2, pages: 2, word: 10, step: -2, expect: { pages: [ ok, mixed ] } }
  - { op: mmap, region: r4, pages: 4, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { op: fwrite, region: r6, page: 0, pages: 2, buffer: { region: r3, page: 2 }, expect: { ret: 0, bytes: 8192 } }
  - { op: fread, region: r6, page: 0, pages: 3, buffer: { region: r4, page: 0, offset: 8 }, expect: { ret: 0, bytes: 8192 } }
  - { op: load, region: r4, page: 0, pages: 1, word: 10, step: -2, offset: 2, words: 1022, expect: { pages: [ ok ] } }
  - { op: fread, region: r6, page: 0, pages: 1, buffer: { region: r7, page: 0 }, expect: { ret: EFAULT } }
`;

/** Pages that faultaround happened to map are no business of this test. */
const WITHOUT_EXPECTATION = 15;

t.test('the program answers as the document says, and records it', { skip: noCompiler() }, (t) => {
  const document = documentOf(NATIVE);
  delete document.steps[WITHOUT_EXPECTATION]!.expect;
  const tests = document.steps.length - 1;
  const directory = t.testdir();
  t.equal(compile(directory, program([document, document], { expect: true })).errors, '');

  const tested = execute(directory, []);
  t.equal(tested.stdout.match(/^not ok[\s\S]*?(?=^(not )?ok)/m)?.[0], undefined);
  t.equal(tested.status, 0);
  t.match(tested.stdout, `1..${2 * tests}\nok 1 it's "native" \\# \\\\ ü ??= 0: as:p0 op:mmap `);
  t.match(tested.stdout, `# Totals: pass:${2 * tests} fail:0 xfail:0 xpass:0 skip:0 error:0\n`);

  const { status, stdout, stderr } = execute(directory, ['--record']);
  t.strictSame([status, stderr], [0, '']);
  const { documents, mistakes } = load(stdout, 'stdout', 'jsonl');
  t.strictSame(mistakes, []);
  t.equal(documents.length, 2);
  const { name, kernel, machine, steps } = documents[0]!.document;
  t.strictSame({ name, kernel, machine }, { name: document.name, kernel: '6.12', machine: { hugepages: 4 } });
  for (const [index, step] of document.steps.entries()) {
    const { expect, ...asked } = { as: 'p0', ...step };
    const { expect: answer, ...recorded } = steps[index]!;
    t.strictSame(recorded, asked);
    if (expect !== undefined) t.strictSame(answer, expect, `step ${index}`);
  }
  t.end();
});

/** Whether this Linux lacks some of the calls: MADV_COLLAPSE came with 6.1. */
function isOld(): boolean {
  const [major, minor] = release().split('.').map(Number) as [number, number];
  return major < 6 || (major === 6 && minor < 1);
}

/** A container may forbid the call that the document is about. */
const FORBIDDEN = /^# {3}answer: "ret":"(EPERM|ENOSYS)"$/m;

for (const name of ['native-transfers', 'native-userfaultfd', 'native-holding']) {
  t.test(`${name}: this Linux and the simulator answer alike`, { skip: noCompiler() }, (t) => {
    const document = documentOf(readFileSync(`test/export/${name}.yaml`, 'utf8'));
    const tests = document.steps.length;
    const { results } = runOn(new MachinePool(), new Setups().of(document), document);
    t.strictSame(
      document.steps.map((step, index) => ({ ...results[index], ...step.expect })),
      results,
    );
    const directory = t.testdir();
    t.equal(compile(directory, program([document], { expect: true })).errors, '');
    const { stdout } = execute(directory, []);
    if (isOld() || FORBIDDEN.test(stdout)) {
      t.comment('not to be asked of this Linux');
      t.end();
      return;
    }
    t.equal(stdout.match(/^not ok[\s\S]*?(?=^(not )?ok)/m)?.[0], undefined);
    t.match(stdout, `# Totals: pass:${tests} fail:0 xfail:0 xpass:0 skip:0 error:0\n`);
    t.end();
  });
}

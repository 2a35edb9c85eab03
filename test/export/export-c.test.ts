// SPDX-License-Identifier: GPL-2.0-only
/** Exported programs, run on a stub of the driver: what they ask of it, and what they make of its answers. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { noCompiler } from '../host.js';
import { compile, documentOf, execute, program } from './export-compile.js';

function lines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

const DEVICE_STEPS = `
name: device
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 2, expect: { ret: 0 } }
  - { op: ioctl, cmd: WRITE, fd: d0, region: r1, page: 2, pages: 2, word: 64, expect: { ret: 0, cpages: 2 } }
  - { op: ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: 3, expect: { data: [ 7, 8, 10 ] } }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 1 }
  - { op: ioctl, cmd: MIGRATE_TO_SYS, fd: d0, region: r0, page: 0, pages: 1, expect: { cpages: 0, faults: 1 } }
  - { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 4, expect: { perm: [ NONE, READ, WRITE ] } }
  - { op: fork, child: p1 }
  - { as: p1, op: ioctl, cmd: EXCLUSIVE, fd: d0, region: r0, page: 0, pages: 1 }
  - { as: p1, op: ioctl, cmd: CHECK_EXCLUSIVE, fd: d1, region: r0, page: 0, pages: 1 }
  - { op: ioctl, cmd: RELEASE, fd: d0 }
  - { op: ioctl_raw, fd: d0, nr: 9, region: r2, offset: 1, npages: "18446744073709551615" }
  - { op: gup, region: r0, page: 1, pages: 2, kind: pin_fast_longterm }
  - { op: pin, region: r0, page: 1, pages: 2, write: true, expect: { ret: EINVAL } }
  - { op: unpin }
  - { op: close, fd: d0 }
`;

t.test('the ioctl numbers and bytes of 6.12, and the KTAP of what came', { skip: noCompiler() }, (t) => {
  const directory = t.testdir();
  const text = program([documentOf(DEVICE_STEPS)], { expect: true });
  t.equal(compile(directory, text, { stub: true }).errors, '');
  const { status, stdout, stderr, calls } = execute(directory, []);
  t.same([status, stderr], [1, '']);
  t.strictSame(calls, [
    'open /sys/kernel/debug/gup_test',
    'open /dev/hmm_dmirror2',
    'ioctl c0284801 addr=200040002000 npages=2 cpages=0 faults=0 mirror=64,65',
    'ioctl c0284800 addr=200000000000 npages=3 cpages=0 faults=0 mirror=a5',
    'ioctl c0284802 addr=200000000000 npages=1 cpages=0 faults=0 mirror=a5',
    'ioctl c0284803 addr=200000000000 npages=1 cpages=0 faults=0 mirror=a5',
    'ioctl c0284804 addr=200000000000 npages=4 cpages=0 faults=0 mirror=a5',
    'ioctl c0284805 addr=200000000000 npages=1 cpages=0 faults=0 mirror=a5',
    'ioctl c0284807 addr=200000000000 npages=1 cpages=0 faults=0 mirror=a5',
    'ioctl c0284809 addr=200080000001 npages=18446744073709551615 cpages=0 faults=0 mirror=a5',
    'gup c0506702 0 0 200000001000 2000 10100000002 0 0 0 0 0',
    'gup 40186707 200000001000 2000 1',
    'gup 00006708',
  ]);
  t.strictSame(lines(stdout), [
    'TAP version 13',
    '1..6',
    'ok 1 device 0: as:p0 op:open fd:d0 device:2',
    'ok 2 device 1: as:p0 op:ioctl cmd:WRITE fd:d0 region:r1 page:2 pages:2 word:64',
    'not ok 3 device 2: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:3',
    '#   data[2]: expected 10, got 9',
    '#   answer: "ret":0,"cpages":3,"faults":1,"data":[7,8,9]',
    '# 3: as:p0 op:ioctl cmd:MIGRATE_TO_DEV fd:d0 region:r0 page:0 pages:1 -> "ret":0,"cpages":1,"faults":1,"data":[7]',
    'not ok 4 device 4: as:p0 op:ioctl cmd:MIGRATE_TO_SYS fd:d0 region:r0 page:0 pages:1',
    '#   cpages: expected 0, got 1',
    '#   answer: "ret":0,"cpages":1,"faults":1',
    'not ok 5 device 5: as:p0 op:ioctl cmd:SNAPSHOT fd:d0 region:r0 page:0 pages:4',
    '#   perm[3]: expected none, got "READ|WRITE"',
    '#   answer: "ret":0,"cpages":4,"faults":1,"perm":["NONE","READ","WRITE","READ|WRITE"]',
    '# 6: as:p0 op:fork child:p1 -> "ret":0',
    '# 7: as:p1 op:ioctl cmd:EXCLUSIVE fd:d0 region:r0 page:0 pages:1 -> "ret":0,"cpages":1,"faults":1,"data":[7]',
    '# 8: as:p1 op:ioctl cmd:CHECK_EXCLUSIVE fd:d1 region:r0 page:0 pages:1 -> "ret":"EBADF"',
    '# 9: as:p0 op:ioctl cmd:RELEASE fd:d0 -> "ret":0,"cpages":1,"faults":1',
    '# 10: as:p0 op:ioctl_raw fd:d0 nr:9 region:r2 offset:1 npages:18446744073709551615 -> "ret":0',
    '# 11: as:p0 op:gup region:r0 page:1 pages:2 kind:pin_fast_longterm -> "ret":0,"pinned":2',
    'ok 6 device 12: as:p0 op:pin region:r0 page:1 pages:2 write:true',
    '# 13: as:p0 op:unpin -> "ret":0',
    '# 14: as:p0 op:close fd:d0 -> "ret":0',
    '# Totals: pass:3 fail:3 xfail:0 xpass:0 skip:0 error:0',
  ]);
  t.end();
});

t.test('permissions are spelled as the simulator does', { skip: noCompiler() }, (t) => {
  const directory = t.testdir();
  const steps =
    '[ { op: open, fd: d0, device: 0 }, { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 256 } ]';
  for (const kernel of ['6.12', 'v4-coherent']) {
    const document = documentOf(`name: a\nkernel: "${kernel}"\nsteps: ${steps}\n`);
    const { errors } = compile(directory, program([document], { expect: false }), { stub: true });
    const { stdout } = execute(directory, ['--record']);
    const { documents, mistakes } = load(stdout, 'stdout', 'jsonl');
    t.strictSame([errors, mistakes], ['', []]);
    const perm = (documents[0]!.document.steps[1]!.expect as { perm: string[] }).perm;
    t.strictSame(
      [0x00, 0x02, 0x10, 0x2f, 0x53, 0x61, 0xff].map((byte) => perm[byte]),
      [
        'NONE',
        'WRITE',
        'ZERO',
        'DEV_PRIVATE_LOCAL|READ|WRITE|PMD|PUD',
        'DEV_COHERENT_REMOTE|READ|WRITE',
        '0x61',
        'ERROR',
      ],
    );
  }
  t.end();
});

t.test(
  'v5-generic: 48 bytes, the direction in the struct, the type of memory',
  { skip: noCompiler() },
  (t) => {
    const directory = t.testdir();
    const document = documentOf(`
name: generic
kernel: v5-generic
machine: { spm: [] }
steps:
  - { op: open, fd: d0, device: 1 }
  - { op: ioctl, cmd: MIGRATE, fd: d0, region: r0, page: 0, pages: 1, toDevice: true }
  - { op: ioctl, cmd: MIGRATE_TO_SYS, fd: d0, region: r0, page: 0, pages: 1 }
  - { op: ioctl, cmd: GET_MEM_DEV_TYPE, fd: d0 }
  - { op: ioctl, cmd: RELEASE, fd: d0 }
`);
    const { errors } = compile(directory, program([document], { expect: false }), { stub: true });
    const { status, stdout, stderr, calls } = execute(directory, ['--record']);
    t.strictSame([errors, status, stderr], ['', 0, '']);
    t.strictSame(calls, [
      'open /dev/hmm_dmirror1',
      'ioctl c0304802 addr=200000000000 npages=1 cpages=0 faults=0 more=100000000 mirror=a5',
      'ioctl c0304802 addr=200000000000 npages=1 cpages=0 faults=0 more=0 mirror=a5',
      'ioctl c0304804 addr=200000000000 npages=1 cpages=0 faults=0 more=0 mirror=a5',
      'ioctl c03048ff addr=200000000000 npages=1 cpages=0 faults=0 more=0 mirror=a5',
    ]);
    const { documents, mistakes } = load(stdout, 'stdout', 'jsonl');
    t.strictSame(mistakes, []);
    const recorded = documents[0]!.document;
    t.match(recorded.source, /^recorded: Linux /);
    t.strictSame([recorded.name, recorded.kernel, recorded.machine], ['generic', 'v5-generic', { spm: [] }]);
    t.strictSame(
      recorded.steps.map(({ expect }) => expect),
      [
        { ret: 0 },
        { ret: 0, cpages: 1, faults: 1, data: [7] },
        { ret: 0, cpages: 1, faults: 1 },
        { ret: 0, cpages: 1, faults: 1, type: 'GENERIC' },
        { ret: 0, cpages: 1, faults: 1 },
      ],
    );
    t.end();
  },
);

const OOPSING = (name: string, expect: string) => `
name: ${name}
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0, expect: { ret: 0 } }
  - { op: ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: 1, expect: ${expect} }
  - { op: close, fd: d0, expect: { ret: 0 } }
`;

t.test('an oops ends everything, and is only risked when asked for', { skip: noCompiler() }, (t) => {
  const directory = t.testdir();
  const documents = [
    documentOf(OOPSING('dies', '{ oops: dmirror_do_read }')),
    documentOf(OOPSING('next', '{ ret: 0 }')),
  ];
  compile(directory, program(documents, { expect: true }), { stub: true });
  const oops = { STUB_OOPS: '0' };
  const end = (skipped: string[], totals: string): string[] => [...skipped, `# Totals: ${totals} error:0`];
  const known = 'the kernel is known to oops here (--oops runs it)';

  const careful = execute(directory, []);
  t.equal(careful.status, 0);
  t.strictSame(lines(careful.stdout).slice(2), [
    `ok 1 dies 0: as:p0 op:open fd:d0 device:0 # SKIP ${known}`,
    `ok 2 dies 1: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:1 # SKIP ${known}`,
    `ok 3 dies 2: as:p0 op:close fd:d0 # SKIP ${known}`,
    'ok 4 next 0: as:p0 op:open fd:d0 device:0',
    'ok 5 next 1: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:1',
    'ok 6 next 2: as:p0 op:close fd:d0',
    ...end([], 'pass:3 fail:0 xfail:0 xpass:0 skip:3'),
  ]);

  const died = 'the kernel died before';
  const bold = execute(directory, ['--oops'], oops);
  t.equal(bold.status, 0);
  t.strictSame(lines(bold.stdout).slice(3), [
    'ok 2 dies 1: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:1',
    `ok 3 dies 2: as:p0 op:close fd:d0 # SKIP ${died}`,
    `ok 4 next 0: as:p0 op:open fd:d0 device:0 # SKIP ${died}`,
    `ok 5 next 1: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:1 # SKIP ${died}`,
    `ok 6 next 2: as:p0 op:close fd:d0 # SKIP ${died}`,
    ...end([], 'pass:2 fail:0 xfail:0 xpass:0 skip:4'),
  ]);

  const surprise = execute(directory, [], oops);
  t.equal(surprise.status, 1);
  t.strictSame(lines(surprise.stdout).slice(6, 9), [
    'not ok 5 next 1: as:p0 op:ioctl cmd:READ fd:d0 region:r0 page:0 pages:1',
    '#   ret: expected 0, got none',
    '#   answer: "oops":"dmirror_do_read"',
  ]);

  const recorded = execute(directory, ['--record'], oops);
  t.equal(recorded.stderr, `dies: skipped: ${known}\n`);
  const { documents: loaded, mistakes } = load(recorded.stdout, 'stdout', 'jsonl');
  t.strictSame(mistakes, []);
  t.strictSame(
    loaded[0]!.document.steps.map(({ op, expect }) => [op, expect]),
    [
      ['open', { ret: 0 }],
      ['ioctl', { oops: 'dmirror_do_read' }],
    ],
  );
  t.end();
});

t.test(
  'a step that does not come back is a hang; a missing driver is a skip',
  { skip: noCompiler() },
  (t) => {
    const directory = t.testdir();
    const text = program([documentOf(OOPSING('stuck', '{ ret: 0 }'))], { expect: true });
    compile(directory, text, { stub: true, flags: ['-O2', '-DSTEP_TIMEOUT_MS=100'] });
    const { status, stdout } = execute(directory, [], { STUB_HANG: '1' });
    t.equal(status, 1);
    t.match(lines(stdout)[5], /^# {3}answer: "hang":"\w+"$/);

    compile(directory, text);
    const none = execute(directory, []);
    t.equal(none.status, 4);
    t.match(
      none.stdout,
      /ok 3 stuck 2: .* # SKIP \/dev\/hmm_dmirror0 is not there: is test_hmm loaded\?\n# Totals/,
    );
    t.equal(execute(directory, ['--recrod']).status, 64);
    t.end();
  },
);

t.test('the buffer of ioctls has the pages of the largest one', (t) => {
  const pagesOf = (pages: number) => {
    const step = `{ op: ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: ${pages} }`;
    const text = program([documentOf(`name: a\nkernel: "6.12"\nsteps:\n  - ${step}\n`)], { expect: false });
    return /#define MIRROR_PAGES\t(\d+)UL/.exec(text)?.[1];
  };
  t.equal(pagesOf(3), '2048');
  t.equal(pagesOf(5000), '5000');
  t.equal(pagesOf(262144), '262144');
  t.equal(pagesOf(262145), '2048', 'more than a region has: the driver refuses it, or nothing is there');
  t.end();
});

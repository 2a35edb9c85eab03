// SPDX-License-Identifier: GPL-2.0-only
/** Documents as people write them: names of the kernel, defaults, lines of the shell. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { updateText, withResults, writeYaml } from '../../src/scenario/update.js';

const text = (steps: string[], head = 'name: a'): string =>
  `${[head, 'steps:', ...steps.map((step) => `  - ${step}`)].join('\n')}\n`;

const read = (steps: string[], head?: string): unknown => {
  const { documents, mistakes } = load(text(steps, head), 'f', 'yaml');
  t.strictSame(mistakes, []);
  return documents[0]?.document.steps;
};

const mistakes = (...steps: string[]): string[] =>
  load(text(steps), 'f', 'yaml').mistakes.map(({ where, message }) => `${where}: ${message}`);

const mmap = { op: 'mmap', region: 'r0', pages: 4, prot: 'rw', share: 'private', backing: 'anon' };
const all = { region: 'r0', page: 0, pages: 4 };

t.test('names of the kernel, in any case', (t) => {
  const cmds = ['READ', 'read', 'Read', 'HMM_DMIRROR_READ', 'hmm_dmirror_read'];
  for (const cmd of cmds) {
    const step = { op: 'ioctl', cmd: 'READ', fd: 'd0', ...all };
    t.strictSame(read([`{ op: ioctl, cmd: ${cmd}, fd: d0, region: r0, page: 0, pages: 4 }`]), [step], cmd);
    t.strictSame(read([`{ op: ${cmd}, fd: d0, region: r0, page: 0, pages: 4 }`]), [step], cmd);
  }
  const values: Record<string, object> = {
    '{ op: MADVISE, region: r0, page: 0, pages: 4, advice: MADV_DONTNEED }': {
      op: 'madvise',
      ...all,
      advice: 'dontneed',
    },
    '{ op: mprotect, region: r0, page: 0, pages: 4, prot: PROT_WRITE|PROT_READ }': {
      op: 'mprotect',
      ...all,
      prot: 'rw',
    },
    '{ op: mprotect, region: r0, page: 0, pages: 4, prot: prot_none }': {
      op: 'mprotect',
      ...all,
      prot: 'none',
    },
    '{ op: mmap, region: r0, pages: 4, prot: PROT_READ, share: MAP_SHARED }': {
      ...mmap,
      prot: 'r',
      share: 'shared',
    },
    '{ op: mmap, region: r0, pages: 4, flags: MAP_PRIVATE | MAP_HUGETLB | MAP_ANONYMOUS }': {
      ...mmap,
      backing: 'hugetlb',
    },
    '{ op: mmap, region: r0, pages: 4, share: MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED }': {
      ...mmap,
      replace: true,
    },
    '{ op: gup, region: r0, page: 0, pages: 4, kind: PIN_FAST_BENCHMARK }': {
      op: 'gup',
      ...all,
      kind: 'pin_fast',
    },
    '{ op: PIN_LONGTERM_TEST_START, region: r0, page: 0, pages: 4, write: true }': {
      op: 'pin',
      ...all,
      write: true,
    },
    '{ op: open, fd: d0, device: /dev/hmm_dmirror2 }': { op: 'open', fd: 'd0', device: 2 },
    '{ op: close, fd: d0, expect: { ret: -EBADF } }': { op: 'close', fd: 'd0', expect: { ret: 'EBADF' } },
  };
  for (const [written, step] of Object.entries(values)) {
    const [seen] = read([written]) as Record<string, unknown>[];
    t.match(seen, step, written);
    t.equal(Object.keys(seen!).length, Object.keys(step).length, written);
  }
  t.end();
});

t.test('what the shell leaves out may be left out', (t) => {
  t.strictSame(
    read([
      '{ op: mmap, region: r0, pages: 4 }',
      '{ op: store, region: r0, word: 64 }',
      '{ op: load, region: r0, page: 2 }',
      '{ op: load, region: "r0[1..2]" }',
      '{ op: pin, region: r0 }',
      '{ op: ioctl, cmd: MIGRATE, fd: d0, region: r0 }',
      '{ op: mremap, region: r0, to: "r1[2]" }',
      '{ op: load, region: r1 }',
      '{ op: ioctl, cmd: RELEASE, fd: d0 }',
    ]),
    [
      { prot: 'rw', share: 'private', backing: 'anon', op: 'mmap', region: 'r0', pages: 4 },
      { op: 'store', word: 64, ...all },
      { op: 'load', region: 'r0', page: 2, pages: 1 },
      { op: 'load', region: 'r0', page: 1, pages: 2 },
      { write: false, op: 'pin', ...all },
      { toDevice: true, op: 'ioctl', cmd: 'MIGRATE', fd: 'd0', ...all },
      { op: 'mremap', ...all, to: { region: 'r1', page: 2 } },
      { op: 'load', region: 'r1', page: 0, pages: 6 },
      { op: 'ioctl', cmd: 'RELEASE', fd: 'd0' },
    ],
  );
  t.strictSame(mistakes('{ op: load, region: r9 }'), [
    'f:3:5: steps[0].page: missing key "page", expected a page number from 0 to 16777216',
    'f:3:5: steps[0].pages: missing key "pages", expected a number of pages from 0 to 16777216',
  ]);
  t.end();
});

t.test('a step may be a line of the shell, alone or before what it answers', (t) => {
  const steps = [
    'open d0 0',
    'mmap r0 4 # four of them',
    'MIGRATE_TO_DEV d0 r0[0..3]: { ret: 0, cpages: 4 }',
    'fork p1',
    'as p1 load r0',
    'p1 exit:',
  ];
  const migrated = { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...all };
  const read612: object[] = [
    { op: 'open', fd: 'd0', device: 0 },
    mmap,
    { ...migrated, expect: { ret: 0, cpages: 4 } },
    { op: 'fork', child: 'p1' },
    { as: 'p1', op: 'load', ...all },
    { as: 'p1', op: 'exit' },
  ];
  t.strictSame(
    read(steps),
    read612.with(2, { ...migrated, cmd: 'MIGRATE', toDevice: true, expect: { ret: 0, cpages: 4 } }),
    'v5-generic',
  );
  t.strictSame(read(steps, 'name: a\nkernel: "6.12"'), read612);
  t.strictSame(read(['mmap r0 4', 'MIGRATE d0 r0 to_sys'], 'name: a\nkernel: "6.1"'), [
    mmap,
    { ...migrated, cmd: 'MIGRATE_TO_SYS' },
  ]);
  const json = JSON.stringify({ name: 'a', steps: ['mmap r0 4'] });
  t.strictSame(load(json, 'f', 'jsonl').documents[0]?.document.steps, [mmap]);
  t.end();
});

t.test('mistakes stand where the author made them', (t) => {
  t.strictSame(
    mistakes(
      'mmap r0 4',
      'stroe r0 64',
      'madvise r0 MADV_DONTNED',
      '{ op: mprotect, region: r0, prot: rx }',
      'load r9',
      'load r0: { rat: 0 }',
      '{ op: ioctl, cmd: SNAPSHOOT, fd: d0, region: r0 }',
      'load',
      '5',
    ),
    [
      'f:4:5: steps[1]: unknown step "stroe" (did you mean "store"?)',
      'f:5:5: steps[2]: advice: expected one of hugepage, nohugepage, dontneed, free, dontfork, wipeonfork, populate_read, populate_write, collapse, cold, pageout, remove, willneed, dontneed_locked, guard_install, guard_remove, hwpoison, soft_offline, got "MADV_DONTNED" (did you mean "MADV_DONTNEED"?)',
      'f:6:39: steps[3].prot: expected one of none, r, w, rw, got "rx" (did you mean "r"?)',
      'f:7:5: steps[4]: r9 is not mapped: say which pages, as r9[0..3]',
      'f:8:16: steps[5]["load r0"].rat: unknown key "rat" (did you mean "ret"?), expected one of ret, pages, oops, hang',
      'f:9:23: steps[6].cmd: expected one of READ, WRITE, MIGRATE, MIGRATE_TO_DEV, MIGRATE_TO_SYS, SNAPSHOT, EXCLUSIVE, CHECK_EXCLUSIVE, RELEASE, GET_MEM_DEV_TYPE, READ_UNLOCKED, FLAGS, got "SNAPSHOOT" (did you mean "SNAPSHOT"?)',
      'f:10:5: steps[7]: expected load RANGE [WORD STEP]',
      'f:11:5: steps[8]: expected a mapping, got 5',
    ],
  );
  t.end();
});

t.test("an update keeps the author's words", (t) => {
  const steps = ['mmap r0 4   # ours', 'load r0[0]: { pages: [ 1 ] }', '{ op: READ, fd: d0, region: r0 }'];
  const [one] = load(text(steps), 'f', 'yaml').documents;
  const results = [{ ret: 0 as const }, { pages: [0] }, { ret: 'EBADF' }];
  const document = withResults(one!.document, results, '6.12');
  const updates = [{ line: 1, document }];
  t.equal(
    updateText(text(steps), 'yaml', updates),
    text([
      'mmap r0 4: { ret: 0 }   # ours',
      'load r0[0]: { pages: [ 0 ] }',
      '{ op: READ, fd: d0, region: r0, expect: { ret: EBADF } }',
    ]),
  );
  const json =
    '{"name":"a","steps":["mmap r0 4",{"load r0[0]":{"pages":[1]}},{"op":"READ","fd":"d0","region":"r0"}]}';
  const updated =
    '{"name":"a","steps":[{"mmap r0 4":{"ret":0}},{"load r0[0]":{"pages":[0]}},{"op":"READ","fd":"d0","region":"r0","expect":{"ret":"EBADF"}}]}';
  t.equal(updateText(`${json}\n`, 'jsonl', updates), `${updated}\n`);
  t.equal(updateText(`${json}\n`, 'json', updates), `${updated}\n`);
  const again = load(updateText(text(steps), 'yaml', updates), 'f', 'yaml').documents[0]!.document;
  t.strictSame(
    again.steps.map(({ expect }) => expect),
    results,
  );
  t.equal(
    updateText(text(['|-\n    load r0[0]']), 'yaml', [
      { line: 1, document: { name: 'a', steps: [{ op: 'load', ...all, expect: { pages: [7] } }] } },
    ]),
    text(['{ "load r0[0]": { pages: [ 7 ] } }']),
    'a line in a block is written anew',
  );
  t.equal(
    writeYaml({ name: 'a', steps: [{ op: 'unpin', expect: { ret: 0 } }] } as ScenarioDocument, ['UNPIN']),
    '# yaml-language-server: $schema=hmm-sim.schema.json\nname: a\nsteps:\n  - UNPIN: { ret: 0 }\n',
  );
  t.end();
});

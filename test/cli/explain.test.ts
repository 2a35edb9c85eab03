// SPDX-License-Identifier: GPL-2.0-only
/** explain, show and --trace as users run them, word for word. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { execute, hmmSim, root } from './hmm-sim.js';

const fixtures = 'test/fixtures/explain';
const fixture = (name: string): string => readFileSync(`${root}${fixtures}/${name}`, 'utf8');
const here = (...args: string[]) =>
  execute(process.execPath, [`${root}bin/hmm-sim.js`, ...args], { cwd: root });

t.test('explain', async (t) => {
  t.same(here('explain', `${fixtures}/why.jsonl`), { status: 0, stdout: fixture('why.txt'), stderr: '' });
});

t.test('explain what mappings refuse', async (t) => {
  t.same(here('explain', `${fixtures}/refused.yaml`), {
    status: 0,
    stdout: fixture('refused.txt'),
    stderr: '',
  });
  const special = here('explain', `${fixtures}/refused.yaml`, '--bug', 'mixedmap-rejected', '--step', '4');
  t.same(special.stdout.split('\n').slice(2), [
    '  r0[0]  ERROR  hmm_vma_walk_test  special mapping',
    '  r0[1]  ERROR  hmm_vma_walk_test  special mapping',
    '  r0[2]  ERROR  hmm_vma_walk_hole  no VMA',
    '',
  ]);
});

t.test('explain --page', async (t) => {
  const ran = here('explain', `${fixtures}/why.jsonl`, '--name', 'pinned', '--page', 'r0[0]');
  t.same(ran, { status: 0, stdout: fixture('follow.txt'), stderr: '' });
  for (const [page, expected] of [
    ['r0[1]', 'history.txt'],
    ['p1:r0[1]', 'history-child.txt'],
  ] as const) {
    const followed = here('explain', `${fixtures}/history.yaml`, '--page', page);
    t.same(followed, { status: 0, stdout: fixture(expected), stderr: '' }, page);
  }
});

t.test('explain --page of a page that no step maps', async (t) => {
  for (const [page, stderr] of [
    ['r0[2]', 'nothing is mapped at r0[2]; the last page is r0[1]'],
    ['r9[0]', 'nothing is mapped as r9'],
  ] as const) {
    const ran = here('explain', 'examples/features/write-back.yaml', '--page', page);
    t.same(ran, { status: 64, stdout: '', stderr: `hmm-sim: --page: ${stderr}\n` });
  }
});

t.test('explain tells which function made pages clean', async (t) => {
  const { stdout } = here('explain', 'examples/features/write-back.yaml', '--step', '4');
  t.match(
    stdout,
    / {2}r0\[1\] {2}cleaned {2}page_vma_mkclean_one {2}system pfn 0x104, CPU rw -> r, hmm_dmirror0 rw -> nothing\n/,
  );
});

t.test('explain --page --step', async (t) => {
  const ran = here('explain', `${fixtures}/history.yaml`, '--page', 'r0[1]', '--step', '6');
  t.same(ran.stdout.split('\n').slice(1, -1), [
    'r0[1] of p0, address 0x200000001000',
    'step 6  p0 EXCLUSIVE d0 r0[0..2]: ret 0, cpages 3, faults 0',
    '  pte  present read, pfn 0x104 -> present write dirty young, pfn 0x104  wp_page_reuse',
    '  ref  pfn 0x104  1 -> 2  try_grab_folio < follow_page_pte',
    '  tell mmu_notifier_invalidate_range_start  mn_itree_invalidate  notify=MMU_NOTIFY_EXCLUSIVE',
    '  pte  present write dirty young, pfn 0x104 -> device exclusive write, pfn 0x104  page_make_device_exclusive_one',
    '  tell make_device_exclusive  make_device_exclusive_range',
    '  ref  pfn 0x104  2 -> 1  folio_put < dmirror_exclusive',
    '  now  exclusive pfn 0x104; refcount 1, mapcount 0; CPU faults; hmm_dmirror0 has atomic access',
  ]);
});

t.test('explain --step', async (t) => {
  const ran = here('explain', `${fixtures}/why.jsonl`, '--name', 'wrong*', '--step', '4');
  t.same(ran.stdout.split('\n'), [
    '# wrong owner on 6.12 (test/fixtures/explain/why.jsonl:2)',
    'step 4  p0 MIGRATE_TO_SYS d0 r0[0]: ret 0, cpages 0, faults 0',
    '  r0[0]  stays  migrate_vma_collect_pmd  wrong owner: on hmm_dmirror1',
    '',
  ]);
});

/** Of the `pinned` fixture: what `explain --json` prints of one step. */
function explainedJson(step: number, ...args: string[]): unknown {
  const chosen = ['--name', 'pinned', '--step', String(step)];
  const { status, stdout, stderr } = here('explain', `${fixtures}/why.jsonl`, '--json', ...chosen, ...args);
  t.equal(status, 0);
  t.equal(stderr, '');
  t.equal(stdout.split('\n').length, 2, 'one line a step');
  return JSON.parse(stdout);
}

t.test('explain --json', async (t) => {
  t.same(explainedJson(4), {
    name: 'pinned',
    kernel: '6.12',
    step: 4,
    run: { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 2 },
    result: { ret: 'ENOENT' },
    because: [
      {
        fn: 'dmirror_do_read',
        reason: { id: 'not-in-device-table', page: 'r0[1]' },
        text: 'dmirror_do_read: r0[1] is not in the device table',
      },
    ],
    pages: [
      {
        page: 'r0[0]',
        verdict: 'migrated',
        fn: 'migrate_vma_pages',
        reason: { id: 'moved' },
        text: 'system pfn 0x103 -> private on hmm_dmirror0 pfn 0x3ffffffff',
        from: { where: 'system', pfn: '0x103' },
        to: { where: 'private', device: 'hmm_dmirror0', pfn: '0x3ffffffff' },
      },
      {
        page: 'r0[1]',
        verdict: 'stays',
        fn: 'migrate_vma_collect_pmd',
        reason: { id: 'pinned', refcount: 1026, mapcount: 1, expected: 2, holder: 'gup_test p0' },
        text: 'pinned: refcount 1026, mapcount 1, expected 2, held by gup_test p0',
        from: { where: 'system', pfn: '0x104' },
        to: { where: 'system', pfn: '0x104' },
      },
    ],
  });
});

t.test('explain --json: as many lines as steps, whatever the scenario', async (t) => {
  const { stdout } = here('explain', `${fixtures}/why.jsonl`, '--json');
  const steps = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; step: number });
  t.same(
    steps.map(({ name, step }) => `${name} ${step}`),
    [
      ...[0, 1, 2, 3, 4, 5].map((step) => `pinned ${step}`),
      ...[0, 1, 2, 3, 4, 5, 6].map((step) => `wrong owner ${step}`),
      ...[0, 1, 2, 3, 4].map((step) => `file-backed ${step}`),
      ...[0, 1, 2, 3, 4, 5].map((step) => `not writable ${step}`),
      ...[0, 1, 2, 3, 4, 5].map((step) => `zero page, hole and no VMA ${step}`),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((step) => `THP split fails ${step}`),
      ...[0, 1, 2, 3, 4, 5].map((step) => `oops ${step}`),
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((step) => `exclusive and fork ${step}`),
    ],
  );
});

t.test('explain --json --page', async (t) => {
  const ran = here('explain', `${fixtures}/history.yaml`, '--page', 'r0[1]', '--step', '6', '--json');
  const ref = { kind: 'ref', pfn: '0x104' };
  const writable = { entry: 'present write dirty young', pfn: '0x104' };
  t.same(JSON.parse(ran.stdout), {
    name: 'one page through everything',
    kernel: '6.12',
    step: 6,
    run: { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', region: 'r0', page: 0, pages: 3 },
    result: { ret: 0, cpages: 3, faults: 0, data: [64, 65, 66] },
    process: 'p0',
    page: 'r0[1]',
    changes: [
      { kind: 'pte', from: { entry: 'present read', pfn: '0x104' }, to: writable, fn: 'wp_page_reuse' },
      { ...ref, from: 1, to: 2, fns: ['try_grab_folio', 'follow_page_pte'] },
      {
        kind: 'event',
        event: 'mmu_notifier_invalidate_range_start',
        fn: 'mn_itree_invalidate',
        args: { notify: 'MMU_NOTIFY_EXCLUSIVE', pages: 1 },
      },
      {
        kind: 'pte',
        from: writable,
        to: { entry: 'device exclusive write', pfn: '0x104' },
        fn: 'page_make_device_exclusive_one',
      },
      { kind: 'event', event: 'make_device_exclusive', fn: 'make_device_exclusive_range', args: {} },
      { ...ref, from: 2, to: 1, fns: ['folio_put', 'dmirror_exclusive'] },
    ],
    now: {
      where: 'exclusive',
      pfn: '0x104',
      refcount: 1,
      mapcount: 0,
      cpu: '',
      devices: [{ device: 'hmm_dmirror0', access: 'a' }],
    },
  });
  const { changes } = explainedJson(4, '--page', 'r0[1]') as { changes: unknown[] };
  t.same(changes.at(-1), {
    kind: 'event',
    event: 'skip',
    fn: 'migrate_vma_collect_pmd',
    args: { pages: 1 },
    reason: { id: 'pinned', refcount: 1026, mapcount: 1, expected: 2 },
    text: 'pinned: refcount 1026, mapcount 1, expected 2',
  });
});

t.test('explain --json: a module that does not load', async (t) => {
  const bug = 'coherent-minor-unset';
  t.same(here('explain', `test/bugs/${bug}.yaml`, '--json', '--bug', bug), {
    status: 1,
    stdout: `{"name":"${bug}","kernel":"6.12","failed":"loading test_hmm failed with ENOMEM"}\n`,
    stderr: '',
  });
});

t.test('smoke --explain', async (t) => {
  const args = ['-r', 'hmm2.hmm2_device_private.snapshot', '--explain', '--seed', '0', '--kernel', '6.12'];
  const { status, stdout } = here('smoke', ...args);
  t.equal(status, 0);
  t.same(stdout.split('\n').slice(4, 16), [
    '# MIGRATE_TO_DEV hmm_dmirror0 0x7ffff7efd000 +1 pages: ret 0',
    '#   0x7ffff7efd000  migrated  migrate_vma_insert_page  nothing mapped -> private on hmm_dmirror0 pfn 0x3ffffffff',
    '# MIGRATE_TO_DEV hmm_dmirror1 0x7ffff7efe000 +1 pages: ret 0',
    '#   0x7ffff7efe000  migrated  migrate_vma_insert_page  nothing mapped -> private on hmm_dmirror1 pfn 0x3fffeffff',
    '# SNAPSHOT hmm_dmirror0 0x7ffff7ef8000 +7 pages: ret 0',
    '#   0x7ffff7ef8000  ERROR                    hmm_vma_walk_test   VMA is not readable',
    '#   0x7ffff7ef9000  ERROR                    hmm_vma_walk_hole   no VMA',
    '#   0x7ffff7efa000  ZERO|READ                hmm_vma_handle_pte  zero page',
    '#   0x7ffff7efb000  READ                     hmm_vma_handle_pte  system pfn 0x101',
    '#   0x7ffff7efc000  WRITE                    hmm_vma_handle_pte  system pfn 0x102',
    '#   0x7ffff7efd000  DEV_PRIVATE_LOCAL|WRITE  hmm_vma_handle_pte  private on hmm_dmirror0 pfn 0x3ffffffff',
    '#   0x7ffff7efe000  NONE                     hmm_vma_handle_pte  wrong owner, and a snapshot faults nothing in: private on hmm_dmirror1 pfn 0x3fffeffff',
  ]);
});

t.test('show', async (t) => {
  t.same(here('show', `${fixtures}/kinds.yaml`), { status: 0, stdout: fixture('kinds.txt'), stderr: '' });
});

t.test('--trace', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-sim-'));
  for (const name of ['pinned.txt', 'pinned.jsonl']) {
    const path = join(directory, name);
    const ran = here('run', `${fixtures}/why.jsonl`, '--name', 'pinned', '--trace', path);
    t.equal(ran.status, 0);
    t.equal(readFileSync(path, 'utf8'), fixture(name), name);
  }
  const both = join(directory, 'explained.txt');
  here('explain', `${fixtures}/why.jsonl`, '--name', 'pinned', '--trace', both);
  t.equal(readFileSync(both, 'utf8'), fixture('pinned.txt'), 'explain traces the same');
  const suite = join(directory, 'suite.json');
  const args = ['-r', 'hmm.hmm_device_private.migrate', '--seed', '1', '--kernel', '6.12'];
  t.equal(here('smoke', ...args, '--trace', suite).status, 0);
  const { traceEvents } = JSON.parse(readFileSync(suite, 'utf8')) as { traceEvents: { ph: string }[] };
  t.ok(traceEvents.filter(({ ph }) => ph === 's').length >= 256, 'an arrow begins at each migrated page');
});

const mistakes: readonly (readonly [args: readonly string[], message: string])[] = [
  [['explain', '/nowhere.yaml'], '/nowhere.yaml: no such file or directory'],
  [['explain', `${fixtures}/kinds.yaml`, '--name', 'x'], 'no scenario is named like x'],
  [['explain', `${fixtures}/kinds.yaml`, '--step', '20'], '--step: there is no step 20; the last one is 19'],
  [
    ['explain', `${fixtures}/kinds.yaml`, '--page', 'x0'],
    '--page: "x0" is not a page (expected r0[3], or p1:r0[3])',
  ],
  [['explain', `${fixtures}/history.yaml`, '--page', 'p7:r0[0]'], '--page: there is no process p7'],
  [['explain', `${fixtures}/history.yaml`, '--page', 'r5[0]'], '--page: nothing is mapped as r5'],
  [
    ['run', `${fixtures}/kinds.yaml`, '--trace', 'trace.csv'],
    '--trace: "trace.csv" names no format (expected a name in .txt, .jsonl, .json, .dat or .data)',
  ],
  [
    ['run', `${fixtures}/kinds.yaml`, '--trace', '/nowhere/trace.txt'],
    '--trace: cannot write /nowhere/trace.txt: no such directory',
  ],
  [
    ['run', `${fixtures}/kinds.yaml`, '--trace', 't.txt', '--jobs', '2'],
    '--trace: a trace has one order of events, so it needs --jobs 1',
  ],
];

for (const [args, message] of mistakes) {
  t.test(args.join(' '), async (t) => {
    t.same(here(...args), { status: 64, stdout: '', stderr: `hmm-sim: ${message}\n` });
  });
}

t.test('a directory is no file', async (t) => {
  t.same(here('show', `${fixtures}/kinds.yaml`, '--html', '/'), {
    status: 64,
    stdout: '',
    stderr: 'hmm-sim: --html: cannot write /: a directory\n',
  });
});

t.test('help knows the commands', async (t) => {
  t.match(hmmSim('--help').stdout, /\n {2}explain [\s\S]*\n {2}show /);
});

// SPDX-License-Identifier: GPL-2.0-only
/** What is kept while a scenario shrinks, on real machines. */
import t from 'tap';
import { type Goal, goalFor, type Laboratory } from '../../src/fuzz/goals.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { shrunk } from './shrunk.js';

const source = new MachinePool();
const lab: Laboratory = { source, setups: new Setups() };

function least(goal: Goal): ScenarioDocument {
  return goal.finish(shrunk(goal.document, goal.interesting).best);
}

const region = { region: 'r0', page: 0, pages: 4 } as const;
const open: Step = { op: 'open', fd: 'd0', device: 0 };
const mmap: Step = { op: 'mmap', region: 'r0', pages: 4, prot: 'rw', share: 'private', backing: 'anon' };
const store: Step = { op: 'store', ...region, word: 64 };
const toDevice: Step = { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...region };
const pin: Step = { op: 'pin', region: 'r0', page: 1, pages: 2, write: true };
const scenario = (...steps: Step[]): ScenarioDocument => ({ name: 'a', kernel: '6.12', steps });

const oneMmap: Step = { ...mmap, pages: 1 };
const one = { region: 'r0', page: 0, pages: 1 } as const;

t.test('step N: the step is followed, whatever its number becomes', (t) => {
  const document = scenario(open, mmap, store, { op: 'load', ...region }, pin, toDevice);
  const goal = goalFor(lab, document, 'step 5 ret == ENOENT');
  t.strictSame(least(goal).steps, [
    open,
    oneMmap,
    { op: 'pin', ...one, write: false },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...one, expect: { ret: 'ENOENT' } },
  ]);
  t.equal(goalFor(lab, document, 'step 5 ret != 0').text, 'step 5 ret != 0');
  const word = goalFor(lab, document, 'step 3 pages == 66');
  t.strictSame(least(word).steps, [
    oneMmap,
    { op: 'store', ...one, word: 66 },
    { op: 'load', ...one, expect: { pages: [66] } },
  ]);
  t.end();
});

t.test('fail: the same key has the same wrong answer, and only that is expected', (t) => {
  const perm = ['WRITE', 'WRITE', 'WRITE', 'WRITE'];
  const snapshot: Step = { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...region, expect: { ret: 0, perm } };
  const expected = { ...toDevice, expect: { ret: 0, cpages: 4 } } as Step;
  const document = scenario(
    open,
    mmap,
    store,
    expected,
    { op: 'load', region: 'r0', page: 0, pages: 2 },
    snapshot,
  );
  const goal = goalFor(lab, document, undefined);
  t.equal(goal.text, 'step 5 expects perm "WRITE", gets "DEV_PRIVATE_LOCAL|WRITE"');
  t.strictSame(least(goal).steps, [
    open,
    oneMmap,
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...one },
    { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...one, expect: { perm: ['WRITE'] } },
  ]);
  t.end();
});

t.test('oops: in the same function; the answer is expected in the end', (t) => {
  const protect: Step = { op: 'mprotect', ...region, prot: 'r' };
  const read: Step = { op: 'ioctl', cmd: 'READ', fd: 'd0', ...region };
  const goal = goalFor(lab, scenario(open, mmap, store, toDevice, protect, read), undefined);
  t.equal(goal.text, 'oops in dmirror_do_read');
  const { steps, source: told } = least(goal);
  t.strictSame(steps.at(-1), { ...read, ...one, expect: { oops: 'dmirror_do_read' } });
  t.equal(steps.length, 5);
  t.match(told, /^oops in dmirror_do_read: unable to handle page fault: /);
  t.end();
});

t.test('another kernel: what it answers is told', (t) => {
  const other = { setups: new Setups({ kernel: '6.1' }), document: (document: ScenarioDocument) => document };
  const document = scenario(open, mmap, store, toDevice, { op: 'pagemap', ...region });
  const small = least(goalFor({ ...lab, other }, document, undefined));
  t.strictSame(small.steps.at(-1), { op: 'pagemap', ...one, expect: { map: ['S'] } });
  t.equal(small.source, 'divergence in pagemap_read (map): {"map":["S"]}, not {"map":["Sx"]}');
  const same = scenario(open, mmap);
  t.throws(() => goalFor({ ...lab, other }, same, undefined), {
    message: '--not-equal-to: both kernels answer the same',
  });
  t.end();
});

t.test('a machine that cannot be built is not interesting', (t) => {
  const machine = { memory: '64M', hugepages: 0 };
  const goal = goalFor(lab, { ...scenario(open, mmap), machine }, 'step 0 ret == 0');
  t.strictSame(least(goal), {
    name: 'a',
    kernel: '6.12',
    steps: [{ ...open, expect: { ret: 0 } } as Step],
    source: 'step 0 ret == 0',
  });
  t.equal(goal.interesting({ ...goal.document, machine: { memory: '64M' } }, [0, 1]), false);
  t.end();
});

t.test('without a number, of the last step that answers so', (t) => {
  const wrong: Step = { op: 'munmap', region: 'r0', page: 0, pages: 0 };
  const document = scenario(wrong, open, mmap, wrong, toDevice);
  const small = least(goalFor(lab, document, 'ret == EINVAL'));
  t.equal(small.source, 'step 3 ret == EINVAL');
  t.strictSame(small.steps, [{ ...wrong, expect: { ret: 'EINVAL' } }], 'which it expects');
  t.end();
});

t.test('what is not so to begin with', (t) => {
  const document = scenario(open, mmap);
  const wrong: [condition: string | undefined, message: string][] = [
    ['oops', 'no oops: the scenario runs to its end'],
    ['fail', 'every expectation is met'],
    [undefined, 'nothing is wrong with the scenario: say what to keep'],
    ['step 1 ret == EINVAL', 'not so: step 1 answers {"ret":0}'],
    ['step 7 ret == 0', 'there is no step 7; the last one is 1'],
    ['ret == EINVAL', 'not so: no step answers ret == EINVAL'],
    [
      'step one',
      "expected oops, hang, load, warning, checker, internal, fail, or as 'step 5 ret == ENOENT' or 'ret == ENOENT', got 'step one'",
    ],
  ];
  for (const [condition, message] of wrong) {
    t.throws(() => goalFor(lab, document, condition), { message: `--while: ${message}` });
  }
  t.end();
});

t.test('what is expected of loading and of the kernel log is judged as run judges it', (t) => {
  const quiet = scenario(mmap, store);
  const warned = goalFor(lab, { ...quiet, warnings: ['zap_pte_range'] }, 'fail');
  t.equal(warned.text, 'warnings: expected ["zap_pte_range"], got []');
  t.strictSame(least(warned), {
    name: 'a',
    kernel: '6.12',
    warnings: ['zap_pte_range'],
    steps: [],
    source: 'warnings: expected ["zap_pte_range"], got []',
  });
  const told = goalFor(lab, { ...quiet, dmesg: ['no such line'] }, undefined);
  t.equal(told.text, 'dmesg: expected "no such line"');
  t.strictSame(least(told).dmesg, ['no such line']);
  const loaded = goalFor(lab, { ...quiet, load: { ret: 'ENOMEM' } }, undefined);
  t.equal(loaded.text, 'load: expected {"ret":"ENOMEM"}, got {"ret":0}');
  t.throws(() => goalFor(lab, { ...quiet, warnings: [], load: { ret: 0 } }, 'fail'), {
    message: 'every expectation is met',
  });
  t.end();
});

t.test('warning: the kernel warns in the same function, and only with the bug', (t) => {
  const file: Step = { ...mmap, backing: 'file' };
  const document = {
    ...scenario(open, file, store, { op: 'load', ...region }, toDevice, { op: 'munmap', ...region }),
    machine: { bugs: ['spurious-zap-warning'] },
  };
  const sound = (one: ScenarioDocument): ScenarioDocument => ({ ...one, machine: {} });
  for (const condition of [undefined, 'warning']) {
    const goal = goalFor({ ...lab, sound }, document, condition);
    t.equal(goal.text, 'warning in zap_pte_range');
    t.strictSame(least(goal), {
      ...document,
      source: 'warning in zap_pte_range',
      warnings: ['zap_pte_range'],
      steps: [
        open,
        { ...file, pages: 1 },
        { op: 'store', ...one, word: 64 },
        { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...one },
        { op: 'munmap', ...one, expect: { ret: 0 } },
      ],
    });
  }
  const same = (one: ScenarioDocument): ScenarioDocument => one;
  t.throws(() => goalFor({ ...lab, sound: same }, document, 'warning'), {
    message: 'no warning: the kernel says nothing',
  });
  t.end();
});

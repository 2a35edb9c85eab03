// SPDX-License-Identifier: GPL-2.0-only
/** Reading real paths, and telling where they part from ours. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { TRACED_FUNCTIONS } from '../../src/generations/traced.js';
import { compareStep } from '../../src/paths/compare.js';
import { foldRuns, tracedFunction } from '../../src/paths/functions.js';
import { RealReader } from '../../src/paths/real.js';
import { walkScenario } from '../../src/paths/walk.js';
import { partingLines } from '../../src/report/paths-text.js';
import { LIMITS } from '../../src/scenario/limits.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { readReal } from './read-real.js';

/** Never entered: gup_test lets go of its pages together. */
const NOT_HERE = ['unpin_user_page'];

t.test('what the core enters are the traced functions', async (t) => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const entered = new Set<string>();
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/^(?:mm|drivers)\/.*\.ts$/.test(file)) continue;
    for (const [, fn] of readFileSync(`${src}${file}`, 'utf8').matchAll(/\.enter\('(\w+)'/g))
      entered.add(fn!);
  }
  t.strictSame([...TRACED_FUNCTIONS].filter((fn) => !entered.has(fn)).sort(), NOT_HERE);
  t.strictSame(
    [...entered].filter((fn) => !TRACED_FUNCTIONS.has(fn)),
    [],
  );
});

t.test('runs', async (t) => {
  t.strictSame(foldRuns(['a', 'a', 'b', 'a']), ['a*2', 'b', 'a']);
  t.strictSame(foldRuns([]), []);
});

const STEP = {
  index: 3,
  step: { op: 'load', region: 'r0', page: 0, pages: 1 },
  entered: [
    { fn: 'handle_mm_fault' },
    { fn: 'do_swap_page', page: 'r0[0]', why: 'busy' },
    { fn: 'do_fault' },
  ],
} as const;

t.test('where two paths part', async (t) => {
  const compare = (real: string[] | null) => compareStep(real, STEP);
  t.equal(compare(null), undefined);
  t.match(compare(['handle_mm_fault', 'do_swap_page', 'do_fault']), { same: true });
  const parted = compare(['handle_mm_fault*2', 'do_swap_page'])!;
  t.match(parted, { same: false, parting: { before: ['handle_mm_fault'], real: 'handle_mm_fault' } });
  t.strictSame(partingLines('x', 'load r0[0]', parted), [
    'x step 3  load r0[0]',
    '  after handle_mm_fault',
    '  real  handle_mm_fault',
    '  here  do_swap_page  r0[0]  (busy)',
  ]);
  const short = compare(['handle_mm_fault', 'do_swap_page'])!;
  t.equal(partingLines('x', '', short)[2], '  real  ends');
  const long = compare(['handle_mm_fault', 'do_swap_page', 'do_fault', 'do_wp_page'])!;
  t.equal(partingLines('x', '', long)[3], '  here  ends');
  const none = compareStep(['do_fault'], { ...STEP, entered: [] })!;
  t.equal(partingLines('x', '', none)[1], '  from the beginning');
});

t.test('function traces as text, and what trace-cmd makes of them', async (t) => {
  const ftrace = `# tracer: function
           a.out-123     [000] ..... 10.000001: tracing_mark_write: step 0 of x
           a.out-123     [000] ..... 10.000002: handle_mm_fault <-do_user_addr_fault
           a.out-123     [000] ..... 10.000003: vma_lookup <-find
           a.out-123     [000] ..... 10.000004: do_anonymous_page.isra.0 <-__handle_mm_fault
           a.out-123     [000] ..... 10.000005: tracing_mark_write: step 2 of x
           a.out-123     [000] ..... 10.000006: do_wp_page <-handle_pte_fault
           a.out-123     [000] ..... 10.000006: do_wp_page <-handle_pte_fault
`;
  const expected = [{ name: 'x', steps: [['handle_mm_fault', 'do_anonymous_page'], [], ['do_wp_page*2']] }];
  t.strictSame(readReal(ftrace, 't'), expected);
  const traceCmd = ftrace
    .replaceAll('tracing_mark_write:', 'print:                tracing_mark_write:')
    .replace(/: (\w[\w.]*) <-(\w+)/g, ': function:             $1 <-- $2');
  t.strictSame(readReal(traceCmd, 't'), expected);
});

t.test('what is neither', async (t) => {
  t.throws(() => readReal('hello', 'x.txt'), { message: /^x\.txt: expected JSON Lines of paths/ });
  t.throws(() => readReal('{"name":"a","steps":[]}\n{', 'x.jsonl'), { message: 'x.jsonl:2: expected JSON' });
  t.throws(() => readReal('{"name":"a"}', 'x.jsonl'), { message: /^x\.jsonl:1: expected \{"name"/ });
});

t.test('runs of a stranger are never spelled out', async (t) => {
  const parted = compareStep(['handle_mm_fault*4000000000'], STEP)!;
  t.match(parted, { same: false, real: ['handle_mm_fault*4000000000'] });
  t.match(parted.parting, { before: ['handle_mm_fault'], real: 'handle_mm_fault', here: STEP.entered[1] });
  const longer = compareStep(['handle_mm_fault', 'do_swap_page', 'do_fault*2'], STEP)!;
  t.strictSame(longer.parting?.before, ['handle_mm_fault', 'do_swap_page', 'do_fault']);
  t.strictSame([longer.parting?.real, longer.parting?.here], ['do_fault', undefined]);
  t.match(compareStep(['handle_mm_fault', 'do_swap_page*1', 'do_fault'], STEP), { same: true });
});

t.test('what is read is bounded', async (t) => {
  const small = { ...LIMITS, bytes: 100, steps: 2 };
  const read = (...parts: string[]) => {
    const reader = new RealReader('x', small);
    for (const part of parts) reader.add(part);
    return reader.end();
  };
  const path = '{"name":"a","steps":[["do_fault"],null]}';
  t.strictSame(read(path.slice(0, 9), path.slice(9), '\n', path), [JSON.parse(path), JSON.parse(path)]);
  const tooLarge = 'expected at most 100 bytes (--max-size raises that)';
  t.throws(() => read(`${path}\n`, 'x'.repeat(101)), { message: `x:2: ${tooLarge}` });
  t.throws(() => read(`${'x'.repeat(101)}\n`), { message: `x:1: ${tooLarge}` });
  t.throws(() => read(...Array.from({ length: 33 }, () => `${'x'.repeat(98)}\n\n`)), {
    message: 'x: expected at most 3200 bytes (--max-size raises that)',
  });
  t.throws(() => read('{"name":"a","steps":[[],[],[]]}'), {
    message: 'x:1: expected at most 2 steps (--max-size raises that)',
  });
  t.throws(() => new RealReader('x', { ...LIMITS, values: 9 }).add(`${path}\n${path}\n${path}\n`), {
    message: 'x:3: expected at most 9 paths, steps and functions (--max-size raises that)',
  });
  const line = (text: string) => `           a.out-1     [000] ..... 1.000001: ${text}\n`;
  t.throws(() => readReal(line('tracing_mark_write: step 100000 of x'), 'x'), {
    message: 'x:1: expected a step below 100000, got 100000',
  });
  const many = Array.from({ length: 16 }, (_, n) => line(`tracing_mark_write: step 99999 of ${n}`)).join('');
  t.throws(() => readReal(many, 'x'), {
    message: 'x:16: expected at most 1500000 steps and runs of functions',
  });
  const lost = 'entries were lost; expected all (buffer_size_kb was too small)';
  t.throws(() => readReal('# entries-in-buffer/entries-written: 5/9   #P:1\n', 'x'), {
    message: `x:1: ${lost}`,
  });
  t.throws(() => readReal('\nCPU:0 [LOST 12 EVENTS]\n', 'x'), { message: `x:2: ${lost}` });
});

t.test('older kernels have other names for two of them', async (t) => {
  t.equal(tracedFunction('split_huge_page_to_list'), 'split_huge_page_to_list_to_order');
  t.equal(tracedFunction('do_fault'), 'do_fault');
  t.equal(tracedFunction('toString'), undefined);
});

t.test('memory of the program itself is left out', async (t) => {
  const text = `name: x
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: anon }
  - { op: fork, child: p1 }
  - { op: ioctl, as: p1, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 1 }
`;
  const { document } = load(text, 'x', 'yaml').documents[0]!;
  const setup = new Setups().of(document);
  const steps = [...walkScenario(bootMachine(setup), setup, document)];
  const entered = steps[3]!.entered.map(({ fn }) => fn);
  t.notOk(entered.includes('__get_user_pages'), entered.join());
  t.ok(entered.includes('hmm_range_fault'), entered.join());
});

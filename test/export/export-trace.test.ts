// SPDX-License-Identifier: GPL-2.0-only
/** --trace of an exported program, on a directory that stands for tracefs; what comes out is what trace compare reads. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { OTHER_NAMES, TRACED_FUNCTIONS } from '../../src/generations/traced.js';
import { compareStep } from '../../src/paths/compare.js';
import { walkScenario } from '../../src/paths/walk.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { noCompiler } from '../host.js';
import { readReal } from '../paths/read-real.js';
import { compile, documentOf, execute, program } from './export-compile.js';

const SCENARIO = `
name: marked
kernel: "6.12"
steps:
  - { op: mmap, region: r0, pages: 2, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 2, word: 7 }
  - { op: munmap, region: r0, page: 0, pages: 2 }
  - { op: load, region: r0, page: 0, pages: 1 }
`;

const FAULTS = ['page_fault_user', 'page_fault_kernel'].map((name) => `events/exceptions/${name}`);

/** Files of tracefs that the program writes, empty. */
function tracefs(directory: string, files = ['current_tracer', 'set_ftrace_filter']): string {
  const path = `${directory}/tracing`;
  for (const folder of ['options', ...FAULTS]) mkdirSync(`${path}/${folder}`, { recursive: true });
  const options = [
    'options/function-fork',
    'options/event-fork',
    ...FAULTS.map((event) => `${event}/enable`),
  ];
  const all = [
    'trace_marker',
    'trace',
    'tracing_on',
    'set_ftrace_pid',
    'set_event_pid',
    ...options,
    ...files,
  ];
  for (const file of all) writeFileSync(`${path}/${file}`, file === 'trace' ? 'older' : '');
  return path;
}

const MARKERS = [...[0, 1, 2, 3].map((n) => `step ${n} of marked`), 'end of marked'];
const document = documentOf(SCENARIO);

t.test('it switches the tracer on, and marks each step', { skip: noCompiler() }, async (t) => {
  const directory = t.testdir();
  t.equal(compile(directory, program([document], { expect: false }), { stub: true }).errors, '');
  const path = tracefs(directory);
  const of = (file: string) => readFileSync(`${path}/${file}`, 'utf8');
  const { status, stderr } = execute(directory, ['--trace'], { HMM_SIM_TRACEFS: path });
  t.equal(stderr, `--trace: the trace is in ${path}/trace\n`);
  t.equal(status, 0);
  const functions = of('set_ftrace_filter').trim().split('\n');
  t.strictSame(['user_fault', ...functions], [...TRACED_FUNCTIONS, ...OTHER_NAMES.keys()]);
  t.strictSame(of('trace_marker').trim().split('\n'), MARKERS);
  t.equal(of('current_tracer'), 'function');
  t.equal(of('options/function-fork') + of('options/event-fork'), '11');
  t.equal(of('tracing_on') + FAULTS.map((event) => of(`${event}/enable`)).join(''), '000', 'off again');
  t.equal(of('trace'), '', 'what was there is gone');
  t.match(of('set_ftrace_pid'), /^\d+$/);
  t.equal(of('set_event_pid'), of('set_ftrace_pid'));

  const again = execute(directory, ['--record', '--trace'], { HMM_SIM_TRACEFS: path });
  t.equal(again.status, 0);
  t.strictSame(of('trace_marker').trim().split('\n'), MARKERS, '--record marks them as well');
});

t.test('where it cannot, it says so once and goes on', { skip: noCompiler() }, async (t) => {
  const directory = t.testdir();
  t.equal(compile(directory, program([document], { expect: false }), { stub: true }).errors, '');
  const nowhere = `${directory}/nowhere`;
  const without = execute(directory, ['--trace'], { HMM_SIM_TRACEFS: nowhere });
  t.equal(without.stderr, `--trace: ${nowhere}: No such file or directory; nothing is traced\n`);
  t.equal(without.status, 0);
  t.match(without.stdout, '# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n');
  const markers = tracefs(directory, []);
  const some = execute(directory, ['--trace'], { HMM_SIM_TRACEFS: markers });
  t.equal(some.stderr.split('\n')[0], `--trace: ${markers} has no function tracer; only steps are marked`);
  t.strictSame(readFileSync(`${markers}/trace_marker`, 'utf8').trim().split('\n'), MARKERS);
});

t.test('its markers with functions between them are a path', async (t) => {
  const setup = new Setups().of(document);
  const walked = [...walkScenario(bootMachine(setup), setup, document)];
  const line = (text: string): string => `           a.out-77      [000] .....    12.345678: ${text}\n`;
  let text = '# tracer: function\n#\n# entries-in-buffer/entries-written: 30/30   #P:1\n#\n';
  for (const [n, { entered }] of walked.entries()) {
    text += line(`tracing_mark_write: ${MARKERS[n]}`);
    for (const { fn } of entered) {
      const fault = 'page_fault_user: address=0x200000000000 ip=0x401000 error_code=0x6';
      text += line(fn === 'user_fault' ? fault : `${fn} <-caller`);
      text += line('vma_lookup <-find_vma');
    }
    text += line('page_fault_user: address=0x7ffd00001000 ip=0x401000 error_code=0x4');
    text += line('handle_mm_fault <-do_user_addr_fault');
    text += line('do_anonymous_page <-__handle_mm_fault');
  }
  text +=
    line(`tracing_mark_write: ${MARKERS.at(-1)}`) + line('__mmu_notifier_invalidate_range_start <-exit');
  const [real, ...others] = readReal(text, 'trace');
  t.strictSame(others, []);
  t.equal(real?.name, 'marked');
  t.strictSame(real?.steps, [
    [],
    [
      'user_fault',
      'handle_mm_fault',
      'do_anonymous_page',
      'user_fault',
      'handle_mm_fault',
      'do_anonymous_page',
    ],
    [],
    ['user_fault'],
  ]);
  t.strictSame(
    walked.map((step) => compareStep(real?.steps[step.index], step)?.same),
    [true, true, true, true],
  );
});

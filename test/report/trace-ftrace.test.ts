// SPDX-License-Identifier: GPL-2.0-only
/** Traces as text: lines of the kernel's own events are as that kernel prints them, and nothing else has their names. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { FtraceWriter } from '../../src/report/trace-ftrace.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { Tracer } from '../../src/watch/tracer.js';
import { pte_val } from '../../src/watch/x86-pte.js';
import { resultsOf } from '../session/results.js';

/** The trace of a run. */
function traceOf(document: ScenarioDocument, kernel: string): string {
  const setup = new Setups({ kernel }).of(document);
  const machine = bootMachine(setup);
  const writer = new FtraceWriter();
  let text = writer.section(document.name);
  machine.trace = new Tracer(machine, (record) => {
    text += writer.record(record);
  });
  machine.onStep = (index) => {
    text += writer.step(document.name, index, machine.now);
  };
  resultsOf(machine, document, setup.generation);
  return text + writer.end();
}

const linesOf = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** The lines of events, without their heads. */
function events(document: ScenarioDocument, kernel: string): string[] {
  return linesOf(traceOf(document, kernel)).map((line) => {
    const event = /^.{16}-\d+ +\[000\] \.{5} +\d+\.\d{6}: (.*)$/.exec(line)?.[1];
    if (event === undefined) throw new Error(`no line of a trace: ${line}`);
    return event;
  });
}

const HEX = '[0-9a-f]+';
const PAGE = 'page=ffffea[0-9a-f]{10}';
const GFP = '(GFP_HIGHUSER_MOVABLE\\|__GFP_COMP|GFP_TRANSHUGE|GFP_HIGHUSER)';
const FAULT = `address=0x${HEX} ip=0x${HEX} error_code=0x[0-7]`;
const MIGRATION_PTE = `addr=${HEX}, pte=${HEX} order=(0|9)`;
const SYSCALLS = [`sys_[a-z0-9_]+ -> 0x${HEX}`, `sys_[a-z0-9]+\\(([a-z_]+: ${HEX}(, )?)+\\)`];

/** TP_printk of each event, by kernel. */
const FORMATS: Record<string, readonly string[]> = {
  '6.12': [
    `page_fault_(user|kernel): ${FAULT}`,
    `(set|remove)_migration_pte: ${MIGRATION_PTE}`,
    `mm_page_alloc: ${PAGE} pfn=0x${HEX} order=(0|9) migratetype=[01] gfp_flags=${GFP}`,
    `mm_page_free: ${PAGE} pfn=0x${HEX} order=(0|9)`,
    ...SYSCALLS,
  ],
  'v4-coherent': [
    `page_fault_(user|kernel): ${FAULT}`,
    `mm_page_alloc: ${PAGE} pfn=0x${HEX} order=(0|9) migratetype=[01] gfp_flags=${GFP}`,
    `mm_page_free: ${PAGE} pfn=0x${HEX} order=(0|9)`,
    ...SYSCALLS,
  ],
  'v5-generic': [
    `page_fault_(user|kernel): ${FAULT}`,
    `mm_page_alloc: ${PAGE} pfn=[0-9]+ order=(0|9) migratetype=[01] gfp_flags=${GFP}`,
    `mm_page_free: ${PAGE} pfn=[0-9]+ order=(0|9)`,
    ...SYSCALLS,
  ],
};
FORMATS['6.1'] = FORMATS['6.12']!;

/** Ours, of an exact form: names of no kernel event. */
const OURS = [/^hmm_sim:[a-z_0-9]+: fn=[A-Za-z_0-9]+/, /^tracing_mark_write: (step \d+|end) of /];

const nameOf = (line: string): string => /^(?:hmm_sim:)?\w+/.exec(line)![0];

t.test('every line is one of the kernel as it prints it, or ours', async (t) => {
  const file = 'test/golden/6.12/curated.jsonl.gz';
  const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
  for (const [kernel, formats] of Object.entries(FORMATS)) {
    const known = formats.map((format) => new RegExp(`^${format}$`));
    const seen = new Set<RegExp>();
    const strange: string[] = [];
    for (const { document } of documents.slice(0, 40)) {
      for (const line of events(document, kernel)) {
        const format = [...known, ...OURS].find((one) => one.test(line));
        if (format === undefined) strange.push(line);
        else seen.add(format);
      }
    }
    t.strictSame(strange, [], kernel);
    t.strictSame(
      [...known, ...OURS].filter((format) => !seen.has(format)),
      [],
      `${kernel}: all of them occur`,
    );
  }
});

const document: ScenarioDocument = {
  name: 'there and back',
  kernel: '6.12',
  steps: [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 1 },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 1 },
    { op: 'load', region: 'r0', page: 0, pages: 1 },
  ],
};

/** What steps 2 to 4 tell of the migration entries. */
function migration(kernel: string): string[] {
  return events(document, kernel).filter((line) => /(set|remove)_migration_pte|step [234]/.test(line));
}

t.test(
  'set_migration_pte stands where pages are unmapped, not where migrate_vma collects them',
  async (t) => {
    t.strictSame(migration('6.12'), [
      'tracing_mark_write: step 2 of there and back',
      'tracing_mark_write: step 3 of there and back',
      'hmm_sim:set_migration_pte: fn=migrate_vma_collect_pmd addr=0x200000000000 pfn=0x103',
      'remove_migration_pte: addr=200000000000, pte=dffff80000000000 order=0',
      'tracing_mark_write: step 4 of there and back',
      'hmm_sim:set_migration_pte: fn=migrate_vma_collect_pmd addr=0x200000000000 pfn=0x3ffffffff on=hmm_dmirror0',
      'remove_migration_pte: addr=200000000000, pte=8000000000103007 order=0',
    ]);
    t.match(migration('v5-generic')[3], /^hmm_sim:remove_migration_pte: fn=remove_migration_pte addr=0x2/);
    const names = new Set(events(document, '6.12').map(nameOf));
    t.notOk(names.has('set_migration_pte'));
  },
);

t.test('a fault says what the CPU says, and who faulted', async (t) => {
  const lines = (kernel: string) => events(document, kernel).filter((line) => line.startsWith('page_fault'));
  t.strictSame(
    lines('6.12').filter((line) => line.includes('0x200000000000')),
    [
      'page_fault_user: address=0x200000000000 ip=0x0 error_code=0x6',
      'page_fault_user: address=0x200000000000 ip=0x0 error_code=0x4',
    ],
  );
});

t.test('times are rounded to microseconds, as ns2usecs() does', async (t) => {
  const time = (ns: number): string | undefined =>
    / (\d+\.\d{6}): /.exec(new FtraceWriter().step('s', 0, ns))?.[1];
  t.strictSame([499, 500, 1499, 999_999_500].map(time), ['0.000000', '0.000001', '0.000001', '1.000000']);
});

/** What Perfetto finds in a line (systrace_line_tokenizer.cc): pid, CPU, flags, time, event. */
const PERFETTO = /-\d+\s+(?:\(\s*(?:\d+|-+)\)\s?)?\[\d+\]\s*[a-zA-Z0-9.]{0,5}\s+\d+\.\d+:\s+(\S+):/;

t.test('Perfetto knows the format, and takes every line but returns of system calls', async (t) => {
  const text = traceOf(document, '6.12');
  t.match(text, /^# tracer/);
  const lines = linesOf(text);
  const refused = lines.filter((line) => !PERFETTO.test(line));
  t.strictSame(
    refused,
    lines.filter((line) => /: sys_\w+ -> 0x/.test(line)),
  );
  const names = new Set(lines.map((line) => PERFETTO.exec(line)?.[1]));
  for (const name of ['tracing_mark_write', 'mm_page_alloc', 'page_fault_user', 'hmm_sim:page_fault_end'])
    t.ok(names.has(name), name);
});

t.test('entries as x86-64 has them', async (t) => {
  const hex = (flags: number, pfn: number): string => pte_val(flags, pfn).toString(16);
  t.equal(hex(0, 0), '0');
  t.equal(hex(0b1111, 0x103), '8000000000103067', 'present, written, accessed, dirty');
  t.equal(hex(0b10001, 0x103), '8000000000103104', 'PROT_NONE');
  t.equal(hex(7 << 8, 0x103), 'd7fffffffffdf800', 'to be migrated, writable');
  t.equal(
    hex((5 << 8) | (3 << 12), 0x103),
    'c7ffe7fffffdf800',
    'read only, with its accessed and dirty bits',
  );
  t.equal(hex(1 << 8, 0x3ffffffff), 'e7fff80000000000', 'device private, read only');
  t.equal(hex(0b10000001, 0x103), '8000000000103405', 'write-protected for a userfaultfd');
  t.equal(hex((5 << 8) | (1 << 14), 0x103), 'c7fffffffffdf804', 'the same, to be migrated');
});

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

const BUFFER = `buf: 0x${HEX} \\([0-9a-f]{2}(:[0-9a-f]{2}){0,62}(, \\.\\.\\.)?\\)( ".{1,63}"(\\.\\.\\.)?)?`;

/** From 10 on numbers begin with 0x; what a program writes is there. */
FORMATS['7.3'] = [
  ...FORMATS['6.12']!.slice(0, 4),
  `(set|remove)_migration_pmd: addr=${HEX}, pmd=${HEX}`,
  SYSCALLS[0]!,
  `sys_(?!p?write)[a-z0-9]+\\(([a-z_]+: (\\d|0x${HEX})(, )?)+\\)`,
  `sys_pwrite64\\(fd: (\\d|0x${HEX}), ${BUFFER}, count: (\\d|0x${HEX}), pos: (\\d|0x${HEX})\\)`,
];

/** In these all formats occur. */
const RECORDED = { '6.12': ['6.12/curated'], '7.3': ['7.3/thpdev', '7.3/io'] };

/** Ours, of an exact form: names of no kernel event. */
const OURS = [/^hmm_sim:[a-z_0-9]+: fn=[A-Za-z_0-9]+/, /^tracing_mark_write: (step \d+|end) of /];

const nameOf = (line: string): string => /^(?:hmm_sim:)?\w+/.exec(line)![0];

t.test('every line is one of the kernel as it prints it, or ours', async (t) => {
  for (const [kernel, formats] of Object.entries(FORMATS)) {
    const files = kernel === '7.3' ? RECORDED['7.3'] : RECORDED['6.12'];
    const documents = files.flatMap((file) => {
      const path = `test/golden/${file}.jsonl.gz`;
      return load(gunzipSync(readFileSync(path)).toString(), path, 'jsonl').documents.slice(0, 40);
    });
    const known = formats.map((format) => new RegExp(`^${format}$`));
    const seen = new Set<RegExp>();
    const strange: string[] = [];
    for (const { document } of documents) {
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

/** A huge page goes to the device and comes back; what a program writes comes from its memory. */
const huge: ScenarioDocument = {
  name: 'huge',
  kernel: '7.3',
  steps: [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 512, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'madvise', region: 'r0', advice: 'hugepage', page: 0, pages: 512 },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 1 },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 512 },
    { op: 'load', region: 'r0', page: 0, pages: 1 },
  ],
};

t.test('a huge entry has the tracepoints of thp.h', async (t) => {
  const lines = (kernel: string): string[] =>
    events(huge, kernel).filter((line) => /_migration_pmd/.test(line));
  t.strictSame(lines('7.3'), [
    'set_migration_pmd: addr=200000000000, pmd=dfffe7fffff9fe00',
    'remove_migration_pmd: addr=200000000000, pmd=e7fff8000403fe00',
    'set_migration_pmd: addr=200000000000, pmd=dffff8000403fe00',
    'remove_migration_pmd: addr=200000000000, pmd=8000000000900087',
  ]);
  t.strictSame(lines('6.12'), [], 'it is split first');
});

t.test('arguments of system calls, as each kernel prints them', async (t) => {
  const io: ScenarioDocument = {
    name: 'io',
    kernel: '7.3',
    steps: [
      { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
      { op: 'store', region: 'r0', page: 0, pages: 1, word: 0x41420a43 },
      { op: 'write', region: 'r0', page: 0, pages: 1 },
      { op: 'write', region: 'r0', page: 1, pages: 1 },
    ],
  };
  const calls = (kernel: string): string[] =>
    events(io, kernel).filter((line) =>
      /sys_pwrite64\(|sys_mmap\(addr: (0x)?2|sys_enter_pwrite64/.test(line),
    );
  const mmap = 'addr: 200000000000, len: 2000, prot: 3, flags: 32, fd: ffffffffffffffff, off: 0';
  t.strictSame(calls('6.12'), [
    `sys_mmap(${mmap})`,
    'sys_pwrite64(fd: 4, buf: 200000000000, count: 1000, pos: 0)',
    'sys_pwrite64(fd: 4, buf: 200000001000, count: 1000, pos: 0)',
  ]);
  const bytes = `${'43:0a:42:41:'.repeat(15)}43:0a:42`;
  const zeros = `${'00:'.repeat(62)}00`;
  t.strictSame(calls('7.3'), [
    `sys_mmap(${mmap.replaceAll(/(?<=: )[0-9a-f]{2,}/g, '0x$&')})`,
    `sys_pwrite64(fd: 4, buf: 0x200000000000 (${bytes}, ...) "${'C.BA'.repeat(15)}C.B"..., count: 0x1000, pos: 0)`,
    `sys_pwrite64(fd: 4, buf: 0x200000001000 (${zeros}, ...), count: 0x1000, pos: 0)`,
  ]);
});

t.test('entries as x86-64 has them', async (t) => {
  const hex = (flags: number, pfn: number, version = '6.12.117', exec = false): string =>
    pte_val(flags, pfn, { version, exec }).toString(16);
  t.equal(hex(0, 0), '0');
  t.equal(hex(0b1111, 0x103), '8000000000103067', 'present, written, accessed, dirty');
  t.equal(hex(0b1111, 0x103, '7.3.4', true), '103067', 'of a mapping that may be executed');
  t.equal(hex(0b10001, 0x103), 'fffffffefc100', 'PROT_NONE: the page is inverted');
  t.equal(hex(0b1101, 0x103, '6.1.192'), '8000000000103065', 'dirty, not writable');
  for (const version of ['6.12.117', '7.3.4'])
    t.equal(hex(0b1101, 0x103, version), '8400000000103025', `${version}: the dirty bit is saved`);
  t.equal(hex(0b1001111, 0x200), '80000000002000e7', 'huge');
  t.equal(hex(7 << 8, 0x103), 'd7fffffffffdf800', 'to be migrated, writable');
  t.equal(
    hex((5 << 8) | (3 << 12), 0x103),
    'c7ffe7fffffdf800',
    'read only, with its accessed and dirty bits',
  );
  t.equal(hex(1 << 8, 0x3ffffffff), 'e7fff80000000000', 'device private, read only');
  t.equal(hex(0b10000001, 0x103), '8000000000103405', 'write-protected for a userfaultfd');
  t.equal(hex((5 << 8) | (1 << 14), 0x103), 'c7fffffffffdf804', 'the same, to be migrated');
  const types = (version: string): number[] =>
    [1, 2, 3, 4, 5, 6, 7].map((type) => Number(pte_val(type << 8, 0, { version }) >> 59n));
  // Device private, exclusive, migration: read, write; the last is writable.
  t.strictSame(types('6.1.192'), [27, 26, 29, 28, 23, 24, 25]);
  t.strictSame(types('6.12.117'), [28, 27, 30, 29, 24, 25, 26]);
  t.strictSame(types('7.3.4'), [29, 28, 30, 30, 25, 26, 27], 'one type for exclusive entries');
});

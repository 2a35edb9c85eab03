// SPDX-License-Identifier: GPL-2.0-only
/** trace.dat: read back by its manual page, it says what the text says. */
import t from 'tap';
import { EventFormats, ownFormat, PRINT } from '../../../src/report/binary/event-formats.js';
import { MAX_EVENT, RingBuffer } from '../../../src/report/binary/ring-buffer.js';
import { DatFunctionWriter, DatWriter } from '../../../src/report/binary/trace-dat.js';
import { FtraceWriter } from '../../../src/report/trace-ftrace.js';
import type { TraceRecord } from '../../../src/watch/tracer.js';
import { type Dat, type DatEvent, readDat, recordsOf } from './read-dat.js';
import { document, traced } from './traced.js';

function fileOf(pieces: readonly Uint8Array[], head: Uint8Array): Buffer {
  const file = Buffer.concat(pieces);
  file.set(head);
  return file;
}

const hex = (value: bigint | string | undefined): string =>
  BigInt.asUintN(64, BigInt(value ?? 0)).toString(16);

/** As the kernel's text has the event. */
function lineOf({ format, values }: DatEvent): string {
  const v = values as Record<string, bigint>;
  const own = /^hmm_sim_(.*)$/.exec(format.name);
  if (own !== null) return `hmm_sim:${own[1]}: ${values.text}`;
  const syscall = /^sys_(enter|exit)_(.*)$/.exec(format.name);
  if (syscall !== null) {
    if (syscall[1] === 'exit') return `sys_${syscall[2]} -> 0x${hex(v.ret)}`;
    const { __syscall_nr: _, ...args } = v;
    return `sys_${syscall[2]}(${Object.entries(args)
      .map(([name, value]) => `${name}: ${hex(value)}`)
      .join(', ')})`;
  }
  switch (format.name) {
    case 'print':
      return `tracing_mark_write: ${values.buf}`;
    case 'page_fault_user':
    case 'page_fault_kernel':
      return `${format.name}: address=0x${hex(v.address)} ip=0x${hex(v.ip)} error_code=0x${hex(v.error_code)}`;
    case 'set_migration_pte':
    case 'remove_migration_pte':
      return `${format.name}: addr=${hex(v.addr)}, pte=${hex(v.pte)} order=${v.order}`;
  }
  const pfn = format.print.includes('pfn=%lu') ? String(v.pfn) : `0x${hex(v.pfn)}`;
  const page = `page=${hex(0xffffea0000000000n + 64n * v.pfn!)} pfn=${pfn} order=${v.order}`;
  if (format.name === 'mm_page_free') return `mm_page_free: ${page}`;
  const names = [...format.print.matchAll(/\{ (0x[0-9a-f]+), "(\w+)" \}/g)];
  let left = v.gfp_flags!;
  const flags: string[] = [];
  for (const [, bits, name] of names) {
    if ((left & BigInt(bits!)) !== BigInt(bits!)) continue;
    flags.push(name!);
    left &= ~BigInt(bits!);
  }
  return `${format.name}: ${page} migratetype=${v.migratetype} gfp_flags=${flags.join('|')}`;
}

/** As lines of text, without their heads. */
const linesOf = (dat: Dat): string[] => dat.events.map(lineOf);

const withoutHead = (line: string): string => line.replace(/^.{16}-\d+ +\[000\] \.{5} +\d+\.\d{6}: /, '');

t.test('every event is that of the text, with its time and task', async (t) => {
  for (const kernel of ['6.12', '6.1', 'v5-generic']) {
    const pieces: Uint8Array[] = [];
    const writer = new DatWriter();
    const text: string[] = [];
    const records: (TraceRecord | undefined)[] = [];
    const ftrace = new FtraceWriter();
    pieces.push(writer.section('a machine'));
    ftrace.section('a machine');
    traced(kernel, {
      step(index, ns) {
        pieces.push(writer.step(document.name, index, ns));
        text.push(ftrace.step(document.name, index, ns));
        records.push(undefined);
      },
      record(record) {
        pieces.push(writer.record(record));
        text.push(ftrace.record(record));
        records.push(record);
      },
    });
    pieces.push(writer.end());
    text.push(ftrace.end());
    const dat = readDat(fileOf(pieces, writer.head()));
    const [first, ...lines] = linesOf(dat);
    t.equal(first, 'tracing_mark_write: # a machine');
    t.strictSame(
      lines,
      text.map((line) => withoutHead(line.trimEnd())),
      kernel,
    );
    t.ok(lines.length > 60 && dat.pages > 1);
    for (const [i, record] of records.entries()) {
      const event = dat.events[i + 1]!;
      if (record === undefined) {
        t.equal(dat.tasks.get(event.pid), 'hmm-sim');
        t.equal(dat.kallsyms.get(event.values.ip as bigint), 'tracing_mark_write');
      } else {
        t.strictSame(
          [event.ns, dat.tasks.get(event.pid), event.values.fn],
          [record.ns, record.task, record.kernel === undefined ? record.fn : undefined],
        );
        if (record.pid !== 0) t.equal(event.pid, record.pid);
        if (record.kernel === undefined)
          t.strictSame(
            [event.values.addr, event.values.pfn],
            [record.addr, record.pfn].map((n) => BigInt(n ?? 0)),
          );
      }
    }
    const systems = new Set(dat.formats.map(({ system, name }) => `${system}:${name}`));
    const migrate = systems.has('migrate:remove_migration_pte');
    t.equal(migrate, kernel !== 'v5-generic', 'only where that kernel has it');
    t.ok(systems.has('kmem:mm_page_alloc') && systems.has('exceptions:page_fault_user'));
    t.ok(systems.has('syscalls:sys_enter_mmap') && systems.has('hmm_sim:hmm_sim_set_migration_pte'));
  }
});

t.test('functions are addresses that kallsyms names', async (t) => {
  const writer = new DatFunctionWriter();
  const moment = { pid: 7, task: 'a task with a long name' };
  const pieces = [
    writer.step('s', 0, 5),
    writer.record({ ...moment, ns: 6, fn: 'handle_mm_fault' }),
    writer.record({ ...moment, ns: 6, fn: 'do_fault' }),
    writer.record({ ...moment, ns: 8, fn: 'handle_mm_fault' }),
    writer.end(),
  ];
  const dat = readDat(fileOf(pieces, writer.head()));
  t.strictSame(
    dat.events.map(({ ns, pid, format, values }) => [
      ns,
      pid,
      format.id,
      values.buf ?? dat.kallsyms.get(values.ip as bigint),
    ]),
    [
      [5, 1_000_000, 5, 'step 0 of s'],
      [6, 7, 1, 'handle_mm_fault'],
      [6, 7, 1, 'do_fault'],
      [8, 7, 1, 'handle_mm_fault'],
      [8, 1_000_000, 5, 'end of s'],
    ],
  );
  t.equal(dat.tasks.get(7), 'a task with a l', 'as long as the kernel has them');
});

t.test('machines follow one another, and a pid has one name', async (t) => {
  const writer = new DatFunctionWriter();
  const record = (ns: number, pid: number, task: string): Uint8Array =>
    writer.record({ ns, pid, task, fn: 'do_fault' });
  const pieces = [
    record(100, 1, 'p0'),
    record(250, 0, 'kworker'),
    writer.section('next'),
    record(10, 1, 'p0'),
    record(20, 1, 'other'),
    record(25, 0, 'kworker'),
    writer.end(),
  ];
  const { events, tasks } = readDat(fileOf(pieces, writer.head()));
  t.strictSame(
    events.map(({ ns, pid }) => [ns, tasks.get(pid)]),
    [
      [100, 'p0'],
      [250, 'kworker'],
      [250, 'hmm-sim'],
      [250, 'p0'],
      [260, 'other'],
      [265, 'kworker'],
    ],
  );
  t.strictSame(
    events.map(({ pid }) => pid),
    [1, 1_000_000, 1_000_001, 1, 1_000_002, 1_000_000],
  );
});

t.test('a file of nothing is one', async (t) => {
  const writer = new DatWriter();
  const pieces = [writer.end()];
  t.strictSame(readDat(fileOf(pieces, writer.head())), {
    formats: [],
    kallsyms: new Map(),
    tasks: new Map(),
    events: [],
    pages: 0,
  });
});

t.test('what the file begins with has bounds: names of tasks are left out, formats never', async (t) => {
  const writer = new DatFunctionWriter();
  const pieces: Uint8Array[] = [];
  for (let pid = 1; pid <= 20_000; pid++)
    pieces.push(writer.record({ ns: pid, pid, task: `task ${pid}`, fn: 'do_fault' }));
  pieces.push(writer.end());
  const dat = readDat(fileOf(pieces, writer.head()));
  t.equal(dat.events.length, 20_000);
  t.equal(dat.tasks.get(1), 'task 1');
  t.ok(dat.tasks.size > 10_000 && dat.tasks.size < 20_000);
});

t.test('pages of the ring buffer hold what was put there', async (t) => {
  const ring = new RingBuffer();
  const pages: Buffer[] = [];
  const events: { ns: number; bytes: number[] }[] = [];
  const put = (ns: number, length: number): void => {
    const bytes = Array.from({ length }, (_, i) => (events.length + i) % 256);
    events.push({ ns, bytes });
    const full = ring.add(ns, Uint8Array.from(bytes));
    if (full !== undefined) pages.push(Buffer.from(full));
  };
  let ns = 0;
  // Lengths around each limit, and deltas around those of 27 bits and of 32.
  const deltas = [0, 1, 2 ** 27 - 1, 2 ** 27, 2 ** 27 + 1, 2 ** 32, 2 ** 40 + 12_345];
  const lengths = [8, 12, 108, 112, 113, 116, 200, 1000, 2028, 2032, 2036, MAX_EVENT - 1, MAX_EVENT];
  for (const delta of deltas) {
    for (const length of lengths) put((ns += delta), length);
  }
  for (let n = 0; n < 2000; n++) put((ns += (n * 7919) % 1000), 8 + ((n * 31) % 150));
  const last = ring.page();
  pages.push(Buffer.from(last!));
  t.equal(ring.page(), undefined);
  const read = pages.flatMap(recordsOf);
  t.strictSame(
    read.map((one) => one.ns),
    events.map((one) => one.ns),
  );
  for (const [i, { record }] of read.entries()) {
    const { bytes } = events[i]!;
    const padded = [...bytes, ...new Array<number>(-bytes.length & 3).fill(0)];
    if (!record.equals(Buffer.from(padded))) t.fail(`record ${i}`);
  }
});

t.test('text that is too long for a page is cut, not the page', async (t) => {
  const formats = new EventFormats();
  const long = 'ä'.repeat(9000);
  t.equal(formats.encode(PRINT, 1, [0n, long]).length, MAX_EVENT);
  t.equal(formats.encode(ownFormat('x'), 1, [long, long, 1, 2]).length, MAX_EVENT);
  t.equal(formats.encode(PRINT, 1, [0n, 'a\0b']).at(-1), 0);
});

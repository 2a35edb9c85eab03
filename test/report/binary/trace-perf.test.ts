// SPDX-License-Identifier: GPL-2.0-only
/** perf.data: records and attributes as its own header says where they are. */
import t from 'tap';
import { PerfWriter } from '../../../src/report/binary/trace-perf.js';
import type { TraceRecord } from '../../../src/watch/tracer.js';
import { document, traced } from './traced.js';

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

interface Section {
  readonly at: number;
  readonly size: number;
}

const sectionAt = (bytes: Buffer, at: number): Section => ({ at: u64(bytes, at), size: u64(bytes, at + 8) });

t.test('samples are those of the run, each of an attribute', async (t) => {
  const writer = new PerfWriter();
  const pieces = [writer.section('a machine')];
  const records: (TraceRecord | undefined)[] = [undefined];
  traced('6.12', {
    step(index, ns) {
      pieces.push(writer.step(document.name, index, ns));
      records.push(undefined);
    },
    record(record) {
      pieces.push(writer.record(record));
      records.push(record);
    },
  });
  pieces.push(writer.end());
  records.push(undefined);
  const file = Buffer.concat(pieces);
  t.ok(
    file.subarray(0, 104).every((byte) => byte === 0),
    'room for the head',
  );
  file.set(writer.head());

  t.equal(file.toString('latin1', 0, 8), 'PERFILE2');
  t.strictSame([u64(file, 8), u64(file, 16)], [104, 128]);
  const [attrs, data] = [sectionAt(file, 24), sectionAt(file, 40)];
  t.equal(attrs.at + attrs.size, file.length);
  t.equal(data.at, 104);
  t.equal(u64(file, 72), (1 << 1) | (1 << 6) | (1 << 7), 'features: tracing data, architecture, CPUs');

  const ids = new Set<number>();
  for (let { at } = attrs; at < attrs.at + attrs.size; at += 128) {
    t.strictSame([file.readUInt32LE(at), file.readUInt32LE(at + 4)], [2, 112], 'a tracepoint');
    t.equal(u64(file, at + 24), 0x10586, 'identifier, pid, time, CPU, period, raw');
    const id = sectionAt(file, at + 112);
    t.strictSame([id.size, u64(file, id.at)], [8, u64(file, at + 8)]);
    ids.add(u64(file, id.at));
  }

  const names = new Map<number, string>();
  const samples: { ns: number; pid: number; id: number; raw: Buffer }[] = [];
  let at = data.at;
  while (at < data.at + data.size) {
    const [type, size] = [file.readUInt32LE(at), file.readUInt16LE(at + 6)];
    if (type === 3) {
      names.set(
        file.readUInt32LE(at + 8),
        /^[^\0]*/.exec(file.toString('utf8', at + 16, at + size - 32))![0],
      );
    } else {
      t.equal(type, 9);
      const rawSize = file.readUInt32LE(at + 48);
      t.equal(52 + rawSize, size, 'the raw data ends the record');
      const raw = file.subarray(at + 52, at + size);
      samples.push({ id: u64(file, at + 8), pid: file.readUInt32LE(at + 16), ns: u64(file, at + 24), raw });
    }
    t.equal(size % 8, 0);
    at += size;
  }
  t.equal(at, data.at + data.size);
  t.equal(samples.length, records.length);
  for (const [i, record] of records.entries()) {
    const { id, pid, ns, raw } = samples[i]!;
    t.ok(ids.has(id) && raw.readUInt16LE() === id && raw.readInt32LE(4) === pid);
    t.equal(names.get(pid), record?.task ?? 'hmm-sim');
    if (record !== undefined) t.equal(ns, record.ns);
  }
  t.equal(ids.size, new Set(samples.map(({ id }) => id)).size, 'no attribute without a sample');

  const [tracing, arch, cpus] = [0, 1, 2].map((n) => sectionAt(file, data.at + data.size + 16 * n));
  t.equal(file.toString('latin1', tracing!.at, tracing!.at + 14), '\x17\x08\x44tracing0.6\0');
  t.match(file.toString('latin1', tracing!.at, tracing!.at + tracing!.size), /name: mm_page_alloc\nID: 30/);
  t.match(file.toString('latin1', arch!.at + 4, arch!.at + arch!.size), /^x86_64\0+$/);
  t.strictSame([file.readUInt32LE(cpus!.at), file.readUInt32LE(cpus!.at + 4)], [1, 1]);
});

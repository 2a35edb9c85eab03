// SPDX-License-Identifier: GPL-2.0-only
/** What an event becomes for trace files, whoever tells it: the core, a driver in general, or one driver alone. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import type { AtAddress } from '../../src/mm/trace.js';
import { fieldsOf } from '../../src/report/trace-fields.js';
import { JsonLinesTraceWriter } from '../../src/report/trace-jsonl.js';
import { type TraceRecord, Tracer } from '../../src/watch/tracer.js';

declare module '../../src/mm/trace.js' {
  interface TraceEvents {
    /** Of a driver that nobody else knows. */
    imaginary_doorbell: AtAddress & { readonly args: { readonly queue: number } };
  }
}

/** The record of the one event that `tell` tells. */
function recorded(tell: (machine: Machine) => void): TraceRecord {
  const machine = Machine.boot();
  machine.loadModule('test_hmm', {});
  const records: TraceRecord[] = [];
  machine.trace = new Tracer(machine, (record) => records.push(record));
  tell(machine);
  t.equal(records.length, 1);
  return { ...records[0]!, ns: 0 };
}

const kernel = { ns: 0, pid: 0, task: 'kernel', thread: 0 };

t.test('a reason comes as data, and in words', async (t) => {
  const record = recorded(({ kernel }) => {
    const reason = { id: 'unexpected-reference', refcount: 3, expected: 1 } as const;
    kernel.note({ event: 'skip', fn: 'folio_migrate_mapping', page: 517, reason });
  });
  t.same(record, {
    ...kernel,
    kind: 'skip',
    event: 'skip',
    fn: 'folio_migrate_mapping',
    page: 517,
    pfn: 0x105,
    reason: { id: 'unexpected-reference', refcount: 3, expected: 1 },
    why: 'unexpected reference: refcount 3, expected 1',
    args: {},
  });
  t.same(fieldsOf(record), { pfn: '0x105', reason: 'unexpected reference: refcount 3, expected 1' });
});

t.test('a warning has its message for a reason', async (t) => {
  const record = recorded((machine) => machine.kernel.warn('folio_lruvec', 'without a memcg'));
  t.same(record, {
    ...kernel,
    kind: 'warn',
    event: 'warn',
    fn: 'folio_lruvec',
    reason: { id: 'warning', message: 'without a memcg' },
    why: 'without a memcg',
    args: {},
  });
});

t.test('pages in arguments become pfns', async (t) => {
  const record = recorded((machine) => {
    const mm = machine.spawn('p0').mm!;
    const args = { from: 528 };
    const fn = 'remove_migration_pte';
    machine.kernel.note({ event: 'remove_migration_pte', fn, mm, addr: 0x1000, page: 517, args });
  });
  t.same(record.args, { from_page: 528, from_pfn: '0x110' });
  t.same(fieldsOf(record), { addr: '0x1000', pfn: '0x105', from_pfn: '0x110' });
});

t.test('so does the page that a charge came from; cgroups keep their names', async (t) => {
  const fn = 'mem_cgroup_migrate';
  const migrated = recorded(({ kernel }) =>
    kernel.note({ event: 'mem_cgroup_migrate', fn, page: 517, args: { from: 528 } }),
  );
  t.same(fieldsOf(migrated), { pfn: '0x105', from_pfn: '0x110' });
  const moved = recorded(({ kernel }) => {
    const args = { from: '/c0', memcg: '/' };
    kernel.note({ event: 'mem_cgroup_move_account', fn: 'mem_cgroup_move_account', page: 517, args });
  });
  t.same(fieldsOf(moved), { pfn: '0x105', from: '/c0', memcg: '/' });
});

t.test('a command has the name of its tracepoint, and the device', async (t) => {
  const args = { cmd: 'READ', device: 'hmm_dmirror1', file: 1, pages: 2, to_device: 0 };
  const record = recorded((machine) => {
    const mm = machine.spawn('p0').mm!;
    const command = {
      name: 'READ',
      text: 'READ',
      does: 'read',
      toDevice: false,
      fn: 'f',
      reader: 'r',
    } as const;
    const about = { fn: 'dmirror_fops_unlocked_ioctl', mm, addr: 0x1000 };
    machine.kernel.note({ ...about, event: 'driver_command', tracepoint: 'dmirror_ioctl', command, args });
  });
  t.equal(record.kind, 'driver_command');
  t.equal(record.event, 'dmirror_ioctl');
  t.equal(record.command?.name, 'READ');
  t.equal(record.command?.device.minor, 1);
  t.same(fieldsOf(record), { addr: '0x1000', ...args });
});

t.test("a driver's own event needs no line of anybody else", async (t) => {
  const record = recorded((machine) => {
    const mm = machine.spawn('p0').mm!;
    const args = { queue: 3 };
    machine.kernel.note({ event: 'imaginary_doorbell', fn: 'imaginary_ring', mm, addr: 0x2000, args });
  });
  t.equal(
    new JsonLinesTraceWriter().record(record),
    '{"ns":0,"pid":0,"task":"kernel","event":"imaginary_doorbell","fn":"imaginary_ring","addr":"0x2000","queue":3}\n',
  );
});

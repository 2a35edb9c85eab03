// SPDX-License-Identifier: GPL-2.0-only
/** Events of many pages: read back as they were put in, and kept as a few objects. */
import t from 'tap';
import type {} from '../../src/kernel/driver-events.js';
import type { TraceEvent } from '../../src/mm/trace.js';
import type { MmStruct } from '../../src/mm/types.js';
import { EventList } from '../../src/watch/event-list.js';

const mm = {} as MmStruct;

t.test('a thousand pages of five kinds', async (t) => {
  const events: TraceEvent[] = [];
  for (let i = 0; i < 1000; i++) {
    const addr = 2 ** 40 + i * 4096;
    events.push(
      {
        event: 'remove_migration_pte',
        fn: 'f',
        mm,
        addr,
        page: i as never,
        args: { from: (i * 3) as never },
      },
      { event: 'device_entry', fn: 'g', tracepoint: 't', mm, addr, refused: i < 500, args: { perm: 1 } },
      { event: 'skip', fn: 'h', reason: { id: 'no-vma' }, mm, addr },
      { event: 'skip', fn: 'h', reason: { id: 'no-vma' }, page: i as never },
    );
  }
  const list = new EventList();
  for (const event of events) list.push(event);
  t.equal(list.length, 4000);
  t.equal(list.kinds, 5);
  t.strictSame([...list], events);
  t.equal(list.addr(5), 2 ** 40 + 4096);
  t.equal(list.kind(4003 - 4).event, 'skip');
});

t.test('values, and names of values, tell kinds apart', async (t) => {
  const list = new EventList();
  const events: TraceEvent[] = [
    { event: 'skip', fn: 'h', reason: { id: 'no-vma' }, mm, addr: 0, args: { pages: 1 } },
    { event: 'skip', fn: 'h', reason: { id: 'no-vma' }, mm, addr: 0, args: { pages: 2 } },
    { event: 'skip', fn: 'h', reason: { id: 'no-vma' }, mm, addr: 0 },
    { event: 'skip', fn: 'i', reason: { id: 'no-vma' }, mm, addr: 0 },
  ];
  for (const event of events) list.push(event);
  t.equal(list.kinds, 4);
  t.strictSame([...list], events);
});

// SPDX-License-Identifier: GPL-2.0-only
/** Notes of what was evicted: where they are, when they go, and what they make of a page that comes back. */
import t from 'tap';
import { translate } from '../../src/checkers/tlb.js';
import { Machine, type Process } from '../../src/machine/machine.js';
import { LRU_ACTIVE_ANON } from '../../src/mm/lru_lists.js';
import { folio_is_file_lru, PG_active, PG_workingset } from '../../src/mm/page_flags.js';
import { get_scan_count, new_scan_control, prepare_scan_control } from '../../src/mm/vmscan_balance.js';
import {
  workingset_age_nonresident,
  workingset_eviction,
  workingset_refault,
} from '../../src/mm/workingset.js';
import {
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';

function booted(kernel = '6.12'): { machine: Machine; process: Process } {
  const machine = Machine.boot({ kernel, memory: 2 ** 26, hugepages: 0, swap: 2 ** 26, check: true });
  return { machine, process: machine.spawn('p0') };
}

/** Map and fill `pages`. */
const filled = (machine: Machine, process: Process, pages: number): number =>
  machine.call(process, function* (sys) {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    const addr = yield* sys.mmap(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    yield* sys.storeSeq(addr, (pages * PAGE_SIZE) / 4, 1, 1);
    return addr;
  });

const pageOut = (machine: Machine, process: Process, addr: number, pages: number): number =>
  machine.call(process, (sys) => sys.madvise(addr, pages * PAGE_SIZE, MADV_PAGEOUT));

t.test('a slot has a note as long as it has nothing else', (t) => {
  const { machine, process } = booted();
  const { shadows } = machine.kernel.swap!;
  const addr = filled(machine, process, 4);
  t.equal(pageOut(machine, process, addr, 4), 0);
  t.equal(shadows.size, 4);
  machine.call(process, (sys) => sys.load32(addr));
  t.equal(shadows.size, 3, 'whoever reads the page takes it');
  machine.call(process, (sys) => sys.munmap(addr, 2 * PAGE_SIZE));
  t.equal(shadows.size, 2, 'it goes with the entry that has the slot');
  t.end();
});

t.test('active when it was away for less than what is in use', (t) => {
  const { machine, process } = booted();
  const { kernel: k } = machine;
  const addr = filled(machine, process, 8);
  k.lru.link(k.firstDevicePage);
  const { page } = translate(process.ownMm, addr);
  const lruvec = k.lruvecs[0]!;
  const inUse = lruvec.page_state(LRU_ACTIVE_ANON, 0);
  /** Away for `age` evictions, its own among them. Return: what its flags say of it. */
  const back = (age: number): readonly [active: boolean, workingset: boolean] => {
    const shadow = workingset_eviction(k, page, 0);
    workingset_age_nonresident(lruvec, 0, age - 1);
    k.mem.flags[page]! &= ~(PG_active | PG_workingset);
    workingset_refault(k, page, shadow);
    return [(k.mem.flags[page]! & PG_active) !== 0, (k.mem.flags[page]! & PG_workingset) !== 0];
  };
  t.notOk(folio_is_file_lru(k.mem, page));
  const file = lruvec.page_state(2, 0) + lruvec.page_state(3, 0);
  t.strictSame(back(inUse + file + 1), [false, false]);
  t.strictSame(lruvec.state(0).activate, [0, 0]);
  k.mem.flags[page]! |= PG_workingset;
  t.strictSame(back(Math.max(inUse + file, 1)), [inUse + file > 0, inUse + file > 0]);
  t.end();
});

t.test('the balance goes by what reclaim cost, a third of it whatever that was', (t) => {
  const { machine, process } = booted();
  const { kernel: k } = machine;
  filled(machine, process, 4096);
  k.lru.link(k.firstDevicePage);
  const lruvec = k.lruvecs[0]!;
  const sc = new_scan_control({
    by: 'direct reclaim',
    nodes: [0],
    memcg: null,
    nr_to_reclaim: 32,
    force_deactivate: true,
  });
  sc.priority = 4;
  const size = lruvec.size(0) >> 4;
  const anonOf = (anon: number, file: number): number => {
    [lruvec.state(0).cost[0], lruvec.state(0).cost[1]] = [anon, file];
    prepare_scan_control(k, sc);
    return get_scan_count(k, sc)[0]!;
  };
  t.equal(anonOf(0, 0), Math.floor((size * 60) / 200));
  // 60 * 3001 / 2001 of 60 * 3001 / 2001 + 140 * 3001 / 1001.
  t.equal(anonOf(1000, 0), Math.floor((size * 89) / (89 + 419)));
  t.equal(anonOf(0, 1000), Math.floor((size * 179) / (179 + 209)));
  t.end();
});

t.test('a cgroup ages with its parent, and not the other way round', (t) => {
  const { machine } = booted();
  const lruvec = machine.kernel.lruvecs[0]!;
  workingset_age_nonresident(lruvec, 3, 5);
  workingset_age_nonresident(lruvec, 0, 2);
  t.strictSame([lruvec.state(3).nonresident_age, lruvec.state(0).nonresident_age], [5, 7]);
  t.end();
});

// SPDX-License-Identifier: GPL-2.0-only
/** Loads and stores: what they see, what they cost, and how they fail. */
import t from 'tap';
import { MAP_SHARED, PROT_NONE, PROT_READ } from '../../src/uapi/mman.js';
import { PAGE, RW, UserBench } from '../kernel/bench.js';

t.test('words and bytes are little endian, and cross pages', async (t) => {
  const bench = new UserBench();
  const at = bench.map(2);
  bench.call((sys) => sys.store32(at + 8, 0x04030201));
  t.same([...bench.call((sys) => sys.loadBytes(at + 7, 6))], [0, 1, 2, 3, 4, 0]);
  bench.call((sys) => sys.storeBytes(at + PAGE - 2, Uint8Array.of(1, 2, 3, 4)));
  t.equal(
    bench.call((sys) => sys.load32(at + PAGE - 4)),
    0x02010000,
  );
  t.equal(
    bench.call((sys) => sys.load32(at + PAGE)),
    0x0403,
  );
});

t.test('a sequence is stored, and compared word by word', async (t) => {
  const bench = new UserBench();
  const at = bench.map(3);
  const from = at + PAGE - 8;
  bench.call((sys) => sys.storeSeq(from, 1028, 7, 3));
  t.equal(
    bench.call((sys) => sys.load32(from)),
    7,
  );
  t.equal(
    bench.call((sys) => sys.load32(from + 4 * 1027)),
    7 + 3 * 1027,
  );
  t.equal(
    bench.call((sys) => sys.load32(from + 4 * 1028)),
    0,
    'no further',
  );
  const none = { count: 0, index: 0, value: 0, expected: 7 };
  t.same(
    bench.call((sys) => sys.checkSeq(from, 1028, 7, 3)),
    none,
  );
  bench.call((sys) => sys.store32(from + 4 * 500, 1));
  bench.call((sys) => sys.store32(from + 4 * 600, 2));
  t.same(
    bench.call((sys) => sys.checkSeq(from, 1028, 7, 3)),
    { count: 2, index: 500, value: 1, expected: 7 + 3 * 500 },
  );
});

t.test('a whole page is stored and loaded as one word', async (t) => {
  const bench = new UserBench();
  const at = bench.map(1);
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    0,
  );
  t.equal(
    bench.call((sys) => sys.tryStorePage(at, -1)),
    'ok',
  );
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    0xffffffff,
  );
  bench.call((sys) => sys.store32(at + 4, 0));
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    'mixed',
  );
});

t.test('a program with handlers is told the signal', async (t) => {
  const bench = new UserBench();
  const at = bench.map(1, PROT_READ);
  const store = (addr: number) => bench.call((sys) => sys.tryStorePage(addr, 1));
  const load = (addr: number) => bench.call((sys) => sys.tryLoadPage(addr));
  t.same([load(at), store(at)], [0, 'SIGSEGV'], 'read-only');
  t.same([load(0), store(0)], ['SIGSEGV', 'SIGSEGV'], 'unmapped');
  bench.call((sys) => sys.mprotect(at, PAGE, PROT_NONE));
  t.same([load(at), store(at)], ['SIGSEGV', 'SIGSEGV'], 'PROT_NONE');
  const fd = bench.call((sys) => sys.memfd_create('f', 0));
  bench.call((sys) => sys.ftruncate(fd, PAGE));
  const file = bench.call((sys) => sys.mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0));
  t.same([store(file), store(file + PAGE)], ['ok', 'SIGBUS'], 'behind the end of a file');
  t.equal(bench.process.alive, true);
});

t.test('a program without handlers dies', async (t) => {
  const at = (bench: UserBench) => bench.map(1, PROT_READ);
  for (const [what, signal, run] of [
    ['load32', 'SIGSEGV', (b: UserBench) => b.deathOf((sys) => sys.load32(0))],
    ['store32', 'SIGSEGV', (b: UserBench, ro = at(b)) => b.deathOf((sys) => sys.store32(ro, 1))],
    ['loadBytes', 'SIGSEGV', (b: UserBench, ro = at(b)) => b.deathOf((sys) => sys.loadBytes(ro, PAGE + 1))],
    ['storeBytes', 'SIGSEGV', (b: UserBench) => b.deathOf((sys) => sys.storeBytes(0, Uint8Array.of(1)))],
    ['storeSeq', 'SIGSEGV', (b: UserBench, ro = at(b)) => b.deathOf((sys) => sys.storeSeq(ro, 1, 0, 0))],
    ['checkSeq', 'SIGSEGV', (b: UserBench, ro = at(b)) => b.deathOf((sys) => sys.checkSeq(ro, 1025, 0, 0))],
  ] as const) {
    const bench = new UserBench();
    t.equal(run(bench), signal, what);
    t.same([bench.process.alive, bench.process.mm, bench.process.signal], [false, null, signal], what);
  }
});

t.test('the first touch of a page faults, the next does not', async (t) => {
  const bench = new UserBench();
  const at = bench.map(4);
  const faults: number[] = [];
  bench.machine.trace = {
    emit({ event, addr }) {
      if (event === 'page_fault_user') faults.push(addr! - at);
    },
  };
  bench.call((sys) => sys.load32(at + PAGE + 8));
  bench.call((sys) => sys.load32(at + PAGE + 12));
  t.same(faults.splice(0), [PAGE + 8]);
  bench.call((sys) => sys.store32(at + PAGE, 1));
  bench.call((sys) => sys.store32(at + PAGE, 2));
  t.same(faults.splice(0), [PAGE], 'the zero page is not written to');
  bench.call((sys) => sys.storeSeq(at, PAGE, 0, 1));
  t.same(faults.splice(0), [0, 2 * PAGE, 3 * PAGE]);
});

t.test('what the TLB knows is forgotten with the mapping', async (t) => {
  const bench = new UserBench();
  const at = bench.map(2);
  bench.call((sys) => sys.storeSeq(at, 2048, 5, 0));
  bench.call((sys) => sys.mprotect(at, PAGE, PROT_READ));
  t.equal(
    bench.call((sys) => sys.tryStorePage(at, 1)),
    'SIGSEGV',
  );
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    5,
  );
  bench.call((sys) => sys.munmap(at, PAGE));
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    'SIGSEGV',
  );
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at + PAGE)),
    5,
  );
});

t.test('sequences and loops take simulated time, single words none', async (t) => {
  const bench = new UserBench();
  const at = bench.map(8);
  bench.call((sys) => sys.storeSeq(at, 8 * 1024, 0, 0));
  t.equal(
    bench.timeOf((sys) => sys.storeSeq(at, 8 * 1024, 0, 1)),
    8 * 50,
  );
  t.equal(
    bench.timeOf((sys) => sys.checkSeq(at + 4, 1024, 1, 1)),
    2 * 50,
    'two pages in part',
  );
  t.equal(
    bench.timeOf((sys) => sys.load32(at)),
    0,
  );
  t.equal(
    bench.timeOf((sys) => sys.spin()),
    1000,
  );
});

t.test('a loop is preempted after its time slice', async (t) => {
  const bench = new UserBench();
  const seen: string[] = [];
  bench.machine.start('p1', function* (sys) {
    while (seen.length === 0) yield* sys.spin();
    seen.push('loop ends');
  });
  bench.machine.start('p2', function* (sys) {
    seen.push('other runs');
    yield* sys.spin();
  });
  bench.machine.settle();
  t.same(seen, ['other runs', 'loop ends']);
  t.equal(bench.machine.now >= 4_000_000, true);
});

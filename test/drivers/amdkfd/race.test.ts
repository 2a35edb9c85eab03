// SPDX-License-Identifier: GPL-2.0-only
/**
 * The processor, a GPU and prefetches race for the same pages, as the races of igt's xe_exec_system_allocator do, in random order:
 * each word has one writer, and is what that writer stored last.
 */
import t from 'tap';
import { describeMachine } from '../../../src/machine/description.js';
import { Machine } from '../../../src/machine/machine.js';
import { Hsakmt, writePacket } from '../../../src/selftests/kfdtest/hsakmt.js';
import { Hang } from '../../../src/sim/errors.js';
import type { Task } from '../../../src/sim/task.js';
import { KFD_IOCTL_SVM_ATTR_PREFETCH_LOC } from '../../../src/uapi/kfd_ioctl.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../../src/uapi/mman.js';
import type { Sys } from '../../../src/user/api.js';

const PAGES = 4;
const ROUNDS = 8;
const SEEDS = 12;

/** Where the processor's word of a page is, and the GPU's. */
const cpuWord = (addr: number, page: number): number => addr + page * PAGE_SIZE;
const gpuWord = (addr: number, page: number): number => cpuWord(addr, page) + 8;

/** What a race has come to. */
interface Race {
  /** Words that were not what their writer stored last. */
  wrong: string[];
  /** CPU faults that brought memory home, of all GPUs. */
  faults: number;
}

function* look(sys: Sys, race: Race, at: number, expected: number): Task {
  const found = yield* sys.load32(at);
  if (found !== expected) race.wrong.push(`${found}, not ${expected}`);
}

/** The processor stores to each page, and reads what it stored. */
function* storing(sys: Sys, addr: number, race: Race): Task {
  for (let round = 1; round <= ROUNDS; round++) {
    for (let page = 0; page < PAGES; page++) yield* sys.store32(cpuWord(addr, page), round);
    for (let page = 0; page < PAGES; page++) yield* look(sys, race, cpuWord(addr, page), round);
  }
}

/** A GPU does. The processor reads, while others go on. */
function* computing(sys: Sys, addr: number, race: Race): Task {
  const hsa = (yield* Hsakmt.open(sys))!;
  const queue = yield* hsa.createQueue(hsa.gpus[0]!);
  for (let round = 1; round <= ROUNDS; round++) {
    const packets = Array.from({ length: PAGES }, (_, page) => writePacket(gpuWord(addr, page), round));
    yield* hsa.submit(queue, packets);
    if (!(yield* hsa.wait(queue))) race.wrong.push('the queue does not come to an end');
    for (let page = 0; page < PAGES; page++) yield* look(sys, race, gpuWord(addr, page), round);
  }
  yield* hsa.destroyQueue(queue);
  yield* hsa.close(sys);
}

/** Pages go to each GPU in turn, and home. */
function* prefetching(sys: Sys, addr: number): Task {
  const hsa = (yield* Hsakmt.open(sys))!;
  const places = [...hsa.gpus, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const value = places[round % places.length]!;
    yield* hsa.svmSet(addr, PAGES * PAGE_SIZE, [{ type: KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value }]);
  }
  yield* hsa.close(sys);
}

function raceOn(kernel: string, params: Record<string, string>, seed: number): Race {
  const module = { name: 'amdgpu', params } as const;
  const machine = Machine.bootAs(describeMachine({ kernel, seed, schedule: 'random', module, check: true }));
  t.equal(machine.loadModule('amdgpu', params), 0);
  const race: Race = { wrong: [], faults: 0 };
  machine.call(machine.spawn('p0'), function* (sys) {
    const hsa = (yield* Hsakmt.open(sys))!;
    const prot = PROT_READ | PROT_WRITE;
    const addr = yield* sys.mmap(0, PAGES * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const threads = [
      yield* sys.pthread_create((own) => storing(own, addr, race)),
      yield* sys.pthread_create((own) => computing(own, addr, race)),
      yield* sys.pthread_create((own) => prefetching(own, addr)),
    ];
    for (const thread of threads) if (typeof thread !== 'number') yield* thread.join();
    for (let page = 0; page < PAGES; page++) {
      yield* look(sys, race, cpuWord(addr, page), ROUNDS);
      yield* look(sys, race, gpuWord(addr, page), ROUNDS);
    }
    for (const gpu of hsa.gpus) race.faults += (yield* hsa.node(gpu)).cpu_faults;
    yield* hsa.close(sys);
  });
  machine.leakCheck();
  return race;
}

const seeds = Array.from({ length: SEEDS }, (_, n) => n + 1);

const topologies: readonly Record<string, string>[] = [
  {},
  { sim_topology: 'cpu' },
  { sim_gpus: '2' },
  { sim_gpus: '2', sim_topology: 'hive' },
];

/** What the races of all seeds have come to; null for one that never ends. */
function racesOn(kernel: string, params: Record<string, string>): (Race | null)[] {
  return seeds.map((seed) => {
    try {
      return raceOn(kernel, { noretry: '0', ...params }, seed);
    } catch (error) {
      if (error instanceof Hang) return null;
      throw error;
    }
  });
}

for (const params of topologies) {
  t.test(`${JSON.stringify(params)} on 7.3`, async (t) => {
    const races = racesOn('7.3', params);
    t.strictSame(
      races.map((race) => race?.wrong),
      seeds.map(() => []),
    );
    const faults = races.map((race) => race?.faults ?? 0);
    if (params.sim_topology === 'cpu') t.strictSame(new Set(faults), new Set([0]), 'all is in reach');
    else {
      t.ok(Math.max(...faults) > 0, 'there was something to race for');
      t.ok(new Set(faults).size > 1, 'and not always the same one was first');
    }
  });
}

t.test('before 7.3, what was copied counts as migrated: some races never end', async (t) => {
  const races = racesOn('6.12', {});
  t.ok(races.includes(null));
  for (const race of races) if (race !== null) t.strictSame(race.wrong, []);
  const reached = racesOn('6.12', { sim_topology: 'cpu' });
  t.strictSame(
    reached.map((race) => race?.wrong),
    seeds.map(() => []),
  );
});

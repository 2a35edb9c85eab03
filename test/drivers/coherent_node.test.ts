// SPDX-License-Identifier: GPL-2.0-only
/** Coherent device memory as a node: who gets memory there, and what becomes of pages of files. */
import t from 'tap';
import { translate } from '../../src/checkers/tlb.js';
import { Machine } from '../../src/machine/machine.js';
import { PG_dirty } from '../../src/mm/page_flags.js';
import { ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import {
  COHERENT_NODE_FILE,
  type CoherentNodeRequest,
  coherentNodeAnswer,
  coherentNodeRequests,
} from '../../src/uapi/coherent_node.js';
import { encodeDriverRange } from '../../src/uapi/driver_range.js';
import { EFAULT, ENXIO } from '../../src/uapi/errno.js';
import { encodeNodes, MPOL_BIND, MPOL_PREFERRED } from '../../src/uapi/mempolicy.js';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDWR,
  O_TMPFILE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';

const MiB = 2 ** 20;
const RW = PROT_READ | PROT_WRITE;

function boot(load = true): Machine {
  const machine = Machine.boot({ kernel: '6.12', memory: 192 * MiB, nodes: 2, hugepages: 0, check: true });
  if (load) t.equal(machine.loadModule('coherent_node', {}), 0);
  return machine;
}

/** One request. Return: the pages that it answers, or -errno. */
function* ask(
  sys: Sys,
  fd: number,
  name: CoherentNodeRequest,
  addr: number,
  npages: number,
  ptr = 0,
): Task<number> {
  const struct = encodeDriverRange({ addr, npages, ptr });
  const arg = yield* sys.malloc(struct.length);
  yield* sys.storeBytes(arg, struct);
  const ret = yield* sys.ioctl(fd, coherentNodeRequests[name], arg);
  return ret < 0 ? ret : coherentNodeAnswer(yield* sys.loadBytes(arg, struct.length)).cpages;
}

const anon = (sys: Sys, length: number): Task<number> =>
  sys.mmap(0, length, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

t.test('a machine with one node has none for a device', async (t) => {
  t.equal(Machine.boot({ kernel: '6.12' }).loadModule('coherent_node', {}), -ENXIO);
});

t.test('nobody gets memory there who has not asked for it by name', async (t) => {
  const touchMuch = (machine: Machine): void => {
    machine.call(machine.spawn('p0'), function* (sys) {
      const addr = yield* anon(sys, 112 * MiB);
      for (let at = 0; at < 112 * MiB; at += PAGE_SIZE) yield* sys.store32(addr + at, 1);
    });
  };
  const plain = boot(false);
  const before = plain.kernel.zones[1]!.nr_free_pages;
  touchMuch(plain);
  t.ok(plain.kernel.zones[1]!.nr_free_pages < before - 1000, 'a node as any other');
  const machine = boot();
  const free = machine.kernel.zones[1]!.nr_free_pages;
  t.throws(() => touchMuch(machine), ProcessDied, 'out of memory');
  t.equal(machine.kernel.zones[1]!.nr_free_pages, free);
});

/** Memory of the range comes from the node alone. */
function* bind(sys: Sys, addr: number, length: number, mode = MPOL_BIND): Task<number> {
  const mask = yield* sys.malloc(8);
  yield* sys.storeBytes(mask, encodeNodes([1]).subarray(0, 8));
  return yield* sys.mbind(addr, length, mode, mask, 65, 0);
}

t.test('who is bound to it, alone, has memory there; unmapped, it goes back', async (t) => {
  const machine = boot();
  const [, zone] = machine.kernel.zones;
  const free = zone!.nr_free_pages;
  const process = machine.spawn('p0');
  machine.call(process, function* (sys) {
    const fd = yield* sys.open(COHERENT_NODE_FILE, O_RDWR);
    const addr = yield* anon(sys, 32 * PAGE_SIZE);
    t.equal(yield* bind(sys, addr, 16 * PAGE_SIZE), 0);
    for (let n = 0; n < 32; n++) yield* sys.store32(addr + n * PAGE_SIZE, n);
    t.equal(zone!.nr_free_pages, free - 16);
    // What moves back is what is there.
    t.equal(yield* ask(sys, fd, 'MOVE_TO_SYSTEM', addr, 32), 16);
    t.equal(zone!.nr_free_pages, free);
    t.equal(yield* ask(sys, fd, 'MOVE_TO_NODE', addr, 32), 32);
    t.equal(yield* ask(sys, fd, 'MOVE_TO_NODE', 0x1000, 1), 0);
  });
  machine.kill(process);
  t.equal(zone!.nr_free_pages, free);
  machine.leakCheck();
});

t.test('a node that is full serves nobody else, and nobody else serves who is bound to it', async (t) => {
  const machine = boot();
  const [system] = machine.kernel.zones;
  const free = system!.nr_free_pages;
  const fill = (mode: number): void =>
    machine.call(machine.spawn('p0'), function* (sys) {
      const addr = yield* anon(sys, 104 * MiB);
      t.equal(yield* bind(sys, addr, 104 * MiB, mode), 0);
      for (let at = 0; at < 104 * MiB; at += PAGE_SIZE) yield* sys.store32(addr + at, 1);
    });
  t.throws(() => fill(MPOL_BIND), ProcessDied);
  t.match(machine.dmesg.join('\n'), /constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,/);
  t.ok(system!.nr_free_pages > free - 1000);
  // Who only prefers it gets memory of the system when it is full.
  fill(MPOL_PREFERRED);
  t.ok(system!.nr_free_pages < free - 1000);
});

t.test('the device reads and writes at the addresses of the process, with its protection', async (t) => {
  const machine = boot();
  machine.call(machine.spawn('p0'), function* (sys) {
    const fd = yield* sys.open(COHERENT_NODE_FILE, O_RDWR);
    const addr = yield* anon(sys, 2 * PAGE_SIZE);
    const buffer = yield* anon(sys, 2 * PAGE_SIZE);
    yield* sys.store32(buffer, 7);
    t.equal(yield* ask(sys, fd, 'WRITE', addr, 2, buffer), 2);
    t.equal(yield* sys.load32(addr), 7);
    t.equal(yield* ask(sys, fd, 'MOVE_TO_NODE', addr, 2), 2);
    yield* sys.store32(addr + PAGE_SIZE, 8);
    t.equal(yield* ask(sys, fd, 'READ', addr, 2, buffer), 2);
    t.equal(yield* sys.load32(buffer + PAGE_SIZE), 8);
    t.equal(yield* sys.mprotect(addr, PAGE_SIZE, PROT_READ), 0);
    t.equal(yield* ask(sys, fd, 'READ', addr, 2, buffer), 2);
    t.equal(yield* ask(sys, fd, 'WRITE', addr, 2, buffer), -EFAULT);
    t.equal(yield* ask(sys, fd, 'READ', 0x1000, 1, buffer), -EFAULT);
  });
});

t.test(
  'a page of a file on the node is what read() and a second mapping see, and dirty for write-back',
  async (t) => {
    const machine = boot();
    const process = machine.spawn('p0');
    const addr = machine.call(process, function* (sys) {
      const fd = yield* sys.open(COHERENT_NODE_FILE, O_RDWR);
      const file = yield* sys.open('/var/tmp', O_TMPFILE | O_RDWR);
      yield* sys.ftruncate(file, PAGE_SIZE);
      const [one, two] = [
        yield* sys.mmap(0, PAGE_SIZE, RW, MAP_SHARED, file, 0),
        yield* sys.mmap(0, PAGE_SIZE, RW, MAP_SHARED, file, 0),
      ];
      yield* sys.store32(one, 1);
      t.equal(yield* ask(sys, fd, 'MOVE_TO_NODE', one, 1), 1);
      yield* sys.store32(one, 2);
      t.equal(yield* sys.load32(two), 2);
      const buf = yield* sys.malloc(4);
      t.equal(yield* sys.pread(file, buf, 4, 0), 4);
      t.equal(yield* sys.load32(buf), 2);
      return one;
    });
    const { kernel: k } = machine;
    const page = translate(process.ownMm, addr).page;
    t.equal(k.nodes.page_to_nid(page), 1);
    t.not(k.mem.flags[page]! & PG_dirty, 0);
    machine.kill(process);
    machine.leakCheck();
  },
);

// SPDX-License-Identifier: GPL-2.0-only
/** Policies of memory: mappings that split and merge, nodes that are full, what the calls read and refuse. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import type { DeviceNodeRules } from '../../src/mm/page_alloc_nodes.js';
import { ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { EACCES, EFAULT, EINVAL, ENODEV, ESRCH } from '../../src/uapi/errno.js';
import {
  encodeNodes,
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_F_ADDR,
  MPOL_F_NODE,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_MF_MOVE,
  MPOL_PREFERRED,
} from '../../src/uapi/mempolicy.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';

const MiB = 2 ** 20;
const MAXNODE = 1025;

const boot = (nodes = 2, swap = 0): Machine =>
  Machine.boot({ kernel: '6.12', memory: 192 * MiB, nodes, swap, hugepages: 0, check: true });

const anon = (sys: Sys, length: number): Task<number> =>
  sys.mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

function* mask(sys: Sys, nodes: readonly number[]): Task<number> {
  const at = yield* sys.malloc(128);
  yield* sys.storeBytes(at, encodeNodes(nodes));
  return at;
}

function* touch(sys: Sys, addr: number, length: number): Task {
  for (let at = 0; at < length; at += PAGE_SIZE) yield* sys.store32(addr + at, 1);
}

/** The node of each page, as get_mempolicy() says. */
function* nodeOf(sys: Sys, addr: number): Task<number> {
  const at = yield* sys.malloc(4);
  t.equal(yield* sys.get_mempolicy(at, 0, 0, addr, MPOL_F_NODE | MPOL_F_ADDR), 0);
  return yield* sys.load32(at);
}

t.test('one mapping becomes three, and one again', async (t) => {
  const machine = boot();
  const process = machine.spawn('p0');
  const mm = [...machine.kernel.mms].at(-1)!;
  machine.call(process, function* (sys) {
    // Far from any other.
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    const addr = yield* sys.mmap(0x200000000000, 6 * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    const two = yield* mask(sys, [1]);
    const count = mm.vmas.size;
    t.equal(yield* sys.mbind(addr + 2 * PAGE_SIZE, PAGE_SIZE, MPOL_BIND, two, MAXNODE, 0), 0);
    t.equal(mm.vmas.size, count + 2);
    t.equal(yield* sys.mbind(addr, 2 * PAGE_SIZE, MPOL_BIND, two, MAXNODE, 0), 0);
    t.equal(mm.vmas.size, count + 1);
    t.equal(yield* sys.mbind(addr, 6 * PAGE_SIZE, MPOL_DEFAULT, 0, 0, 0), 0);
    t.equal(mm.vmas.size, count);
  });
});

t.test(
  'get_mempolicy() tells the policy of an address, that of the task, and the node that is next',
  async (t) => {
    const machine = boot(3);
    machine.call(machine.spawn('p0'), function* (sys) {
      const addr = yield* anon(sys, 4 * PAGE_SIZE);
      const at = yield* sys.malloc(8);
      const nodes = yield* sys.malloc(128);
      const get = (where: number, flags: number): Task<number> =>
        sys.get_mempolicy(at, nodes, MAXNODE, where, flags);
      t.equal(yield* get(addr, MPOL_F_ADDR), 0);
      t.equal(yield* sys.load32(at), MPOL_DEFAULT);
      t.equal(yield* sys.mbind(addr, PAGE_SIZE, MPOL_BIND, yield* mask(sys, [1, 2]), MAXNODE, 0), 0);
      t.equal(yield* get(addr, MPOL_F_ADDR), 0);
      t.equal(yield* sys.load32(at), MPOL_BIND);
      t.equal(yield* sys.load32(nodes), 0b110);
      t.equal(yield* get(0, MPOL_F_NODE), -EINVAL, 'nothing is dealt out');
      t.equal(yield* get(addr, 0), -EINVAL, 'an address that nobody asked for');
      t.equal(yield* get(0x1000, MPOL_F_ADDR), -EFAULT);
      t.equal(yield* sys.set_mempolicy(MPOL_INTERLEAVE, yield* mask(sys, [0, 2]), MAXNODE), 0);
      t.equal(yield* get(0, MPOL_F_NODE), 0);
      t.equal(yield* sys.load32(at), 0);
    });
  },
);

t.test('what the calls refuse', async (t) => {
  const machine = boot();
  machine.call(machine.spawn('p0'), function* (sys) {
    const addr = yield* anon(sys, PAGE_SIZE);
    const one = yield* mask(sys, [1]);
    const none = yield* mask(sys, []);
    const bind = (mode: number, nodes: number): Task<number> =>
      sys.mbind(addr, PAGE_SIZE, mode, nodes, MAXNODE, 0);
    t.equal(yield* bind(MPOL_DEFAULT, one), -EINVAL);
    t.equal(yield* bind(MPOL_BIND, none), -EINVAL);
    t.equal(yield* bind(MPOL_LOCAL, one), -EINVAL);
    t.equal(yield* bind(MPOL_PREFERRED, none), 0, 'the same as local');
    t.equal(yield* bind(77, one), -EINVAL);
    t.equal(yield* bind(MPOL_BIND, yield* mask(sys, [9])), -EINVAL, 'no such node');
    t.equal(yield* bind(MPOL_BIND, 0x1000), -EFAULT);
    t.equal(yield* sys.mbind(addr + 1, PAGE_SIZE, MPOL_BIND, one, MAXNODE, 0), -EINVAL);
    t.equal(yield* sys.mbind(addr, PAGE_SIZE, MPOL_BIND, one, MAXNODE, 8), -EINVAL);
    t.equal(yield* sys.mbind(addr, 0, MPOL_BIND, one, MAXNODE, 0), 0);
    t.equal(yield* sys.migrate_pages(77, MAXNODE, one, one), -ESRCH);
    t.equal(yield* sys.migrate_pages(0, MAXNODE, one, none), -EINVAL);
    const words = yield* sys.malloc(64);
    yield* sys.storeBytes(words, new Uint8Array(64));
    yield* sys.store32(words + 8, 5);
    t.equal(yield* sys.move_pages(0, 1, words, words + 8, words + 16, MPOL_MF_MOVE), -ENODEV);
    t.equal(yield* sys.move_pages(0, 1, words, words + 8, words + 16, 1), -EINVAL);
    t.equal(yield* sys.move_pages(0, 1, 0x1000, 0, words + 16, 0), -EFAULT);
  });
});

t.test('a node that is full: who prefers it gets another, who is bound to it dies, or swaps', async (t) => {
  const much = 112 * MiB;
  const fill = (machine: Machine, mode: number): void => {
    machine.call(machine.spawn('p0'), function* (sys) {
      const addr = yield* anon(sys, much);
      t.equal(yield* sys.mbind(addr, much, mode, yield* mask(sys, [1]), MAXNODE, 0), 0);
      yield* touch(sys, addr, much);
      t.equal(yield* nodeOf(sys, addr), 1);
      t.equal(yield* nodeOf(sys, addr + much - PAGE_SIZE), mode === MPOL_PREFERRED ? 0 : 1);
    });
  };
  fill(boot(), MPOL_PREFERRED);
  const machine = boot();
  const free = machine.kernel.zones[0]!.nr_free_pages;
  t.throws(() => fill(machine, MPOL_BIND), ProcessDied);
  t.ok(
    machine.dmesg.some((line) => line.startsWith('oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,')),
  );
  t.ok(machine.kernel.zones[0]!.nr_free_pages > free - 1000, 'the other node was not touched');
  fill(boot(2, 128 * MiB), MPOL_BIND);
});

t.test('pages move to where a policy says, and only there', async (t) => {
  const machine = boot();
  machine.call(machine.spawn('p0'), function* (sys) {
    const addr = yield* anon(sys, 8 * PAGE_SIZE);
    yield* touch(sys, addr, 8 * PAGE_SIZE);
    t.equal(
      yield* sys.mbind(addr, 8 * PAGE_SIZE, MPOL_INTERLEAVE, yield* mask(sys, [0, 1]), MAXNODE, MPOL_MF_MOVE),
      0,
    );
    // All are on a node of the policy already.
    t.equal(yield* nodeOf(sys, addr + PAGE_SIZE), 0);
    t.equal(
      yield* sys.mbind(addr, 4 * PAGE_SIZE, MPOL_BIND, yield* mask(sys, [1]), MAXNODE, MPOL_MF_MOVE),
      0,
    );
    t.equal(yield* nodeOf(sys, addr + PAGE_SIZE), 1);
    t.equal(yield* nodeOf(sys, addr + 4 * PAGE_SIZE), 0);
  });
});

/** As private memory nodes of today: the driver alone hands their memory out. */
const PRIVATE: DeviceNodeRules = { policies: false, moves: false, fallsBack: false, reclaims: false };

t.test('rules of a node that is a device decide, whatever proposal they are from', async (t) => {
  const machine = boot();
  machine.kernel.severalNodes!.isolate_node({ nid: 1, rules: PRIVATE });
  machine.call(machine.spawn('p0'), function* (sys) {
    const addr = yield* anon(sys, PAGE_SIZE);
    const one = yield* mask(sys, [1]);
    const zero = yield* mask(sys, [0]);
    yield* touch(sys, addr, PAGE_SIZE);
    t.equal(yield* sys.mbind(addr, PAGE_SIZE, MPOL_BIND, one, MAXNODE, 0), -EINVAL);
    t.equal(yield* sys.set_mempolicy(MPOL_PREFERRED, one, MAXNODE), -EINVAL);
    t.equal(yield* sys.migrate_pages(0, MAXNODE, zero, one), -EINVAL);
    const words = yield* sys.malloc(64);
    yield* sys.store32(words, addr % 2 ** 32);
    yield* sys.store32(words + 4, Math.floor(addr / 2 ** 32));
    yield* sys.store32(words + 8, 1);
    t.equal(yield* sys.move_pages(0, 1, words, words + 8, words + 16, MPOL_MF_MOVE), -EACCES);
    t.equal(yield* nodeOf(sys, addr), 0);
  });
});

// SPDX-License-Identifier: GPL-2.0-only
/** The interface of HMM v25: mirrors, snapshots, migration by callbacks, memory of devices. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { hmm_device_new } from '../../src/mm/hmm_device.js';
import {
  HmmDevmem,
  type HmmDevmemOps,
  hmm_devmem_add,
  hmm_devmem_add_resource,
  hmm_devmem_remove,
} from '../../src/mm/hmm_devmem.js';
import {
  HMM_PFN_EMPTY,
  HMM_PFN_READ,
  HMM_PFN_SPECIAL,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  HmmMirror,
  type HmmRange,
  hmm_mirror_register,
  hmm_mirror_unregister,
  hmm_vma_fault,
  hmm_vma_get_pfns,
  hmm_vma_range_done,
} from '../../src/mm/hmm_mirror.js';
import { MIGRATE_PFN_MIGRATE, migrate_pfn, migrate_pfn_to_page } from '../../src/mm/migrate_vma.js';
import { migrate_vma } from '../../src/mm/migrate_vma_ops.js';
import { folio_mapped, PG_locked } from '../../src/mm/page_flags.js';
import { IORES_DESC_DEVICE_PUBLIC_MEMORY, IORESOURCE_MEM, Resource } from '../../src/mm/resource.js';
import type { VmArea } from '../../src/mm/types.js';
import { done, type Task } from '../../src/sim/task.js';
import { EBUSY, EINVAL, ERANGE } from '../../src/uapi/errno.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';

const GiB = 2 ** 30;

function setUp(flags = MAP_PRIVATE | MAP_ANONYMOUS, length = 4 * PAGE_SIZE) {
  const machine = Machine.boot({ kernel: 'hmm-v25', memory: GiB });
  const process = machine.spawn('p0');
  const mm = process.ownMm;
  const addr = machine.call(process, (sys) => sys.mmap(0, length, PROT_READ | PROT_WRITE, flags, -1, 0));
  const vma: VmArea = mm.vmas.vma_lookup(addr)!;
  const touch = (page: number, word: number) =>
    machine.call(process, (sys) => sys.store32(addr + page * PAGE_SIZE, word));
  const run = <T>(body: Task<T>): T => {
    const task = machine.executor.spawn('test', body, null);
    machine.executor.runUntil(task, machine.executor.now + 1e9);
    return task.result as T;
  };
  return { machine, k: machine.kernel, process, mm, addr, vma, touch, run };
}

function rangeOf(addr: number, pages: number): HmmRange {
  const end = addr + pages * PAGE_SIZE;
  return { start: addr, end, valid: false, pfns: new Uint32Array(pages), flags: new Uint8Array(pages) };
}

/** A mirror that keeps what it was told. */
function listening(said: string[], name: string): HmmMirror {
  return new HmmMirror({
    sync_cpu_device_pagetables: (_mirror, action, start, end) =>
      said.push(`${name} ${action} ${(end - start) / PAGE_SIZE}`),
  });
}

t.test('all mirrors of an address space have one notifier', async (t) => {
  const { mm, process, machine, addr, touch } = setUp();
  const said: string[] = [];
  const mirrors = [listening(said, 'a'), listening(said, 'b')];
  for (const mirror of mirrors) hmm_mirror_register(mirror, mm);
  t.equal(mm.notifiers!.list.length, 1);
  touch(0, 1);
  machine.call(process, (sys) => sys.munmap(addr + 3 * PAGE_SIZE, PAGE_SIZE));
  t.strictSame(said, ['a HMM_UPDATE_INVALIDATE 1', 'b HMM_UPDATE_INVALIDATE 1']);
  hmm_mirror_unregister(mirrors[0]!);
  t.equal(mm.notifiers!.list.length, 1);
  hmm_mirror_unregister(mirrors[1]!);
  t.strictSame([mm.notifiers!.list.length, mm.hmm], [0, null]);
});

t.test('mirrors hear of an update when it ends', async (t) => {
  const { mm, process, machine, addr, touch } = setUp();
  const said: string[] = [];
  hmm_mirror_register(listening(said, 'mirror'), mm);
  touch(0, 1);
  machine.functions = {
    entered: (fn) => {
      if (fn.startsWith('__mmu_notifier')) said.push(fn);
    },
  };
  machine.call(process, (sys) => sys.mprotect(addr, PAGE_SIZE, PROT_READ));
  t.strictSame(said, [
    '__mmu_notifier_invalidate_range_start',
    '__mmu_notifier_invalidate_range_end',
    'mirror HMM_UPDATE_INVALIDATE 1',
  ]);
});

t.test(
  'a snapshot pins nothing, and does not hold once something has changed: it is taken again',
  async (t) => {
    const { k, mm, process, machine, addr, vma, touch, run } = setUp();
    hmm_mirror_register(listening([], 'mirror'), mm);
    touch(0, 1);
    touch(1, 2);
    const range = rangeOf(addr, 3);
    t.equal(run(hmm_vma_get_pfns(vma, range)), 0);
    const WRITABLE = HMM_PFN_VALID | HMM_PFN_READ | HMM_PFN_WRITE;
    t.strictSame([...range.flags], [WRITABLE, WRITABLE, HMM_PFN_EMPTY]);
    t.equal(k.mem.refcount[range.pfns[0]!], 1);
    // A write of the second page, which a child shares since, goes to a copy.
    const before = range.pfns[1]!;
    machine.call(process, (sys) => sys.fork());
    t.strictSame([range.valid, ...range.flags], [false, 0, 0, 0]);
    t.equal(hmm_vma_range_done(vma, range), false);
    touch(1, 3);
    t.equal(run(hmm_vma_get_pfns(vma, range)), 0);
    t.equal(hmm_vma_range_done(vma, range), true);
    t.strictSame([...range.flags], [HMM_PFN_VALID | HMM_PFN_READ, WRITABLE, HMM_PFN_EMPTY]);
    t.not(range.pfns[1], before);
    touch(0, 4);
    t.equal(range.flags[0], HMM_PFN_VALID | HMM_PFN_READ, 'nobody tells a range that is done with');
  },
);

t.test('a fault makes what was missing, also for a write', async (t) => {
  const { mm, addr, vma, run } = setUp();
  hmm_mirror_register(listening([], 'mirror'), mm);
  const range = rangeOf(addr, 2);
  t.equal(run(hmm_vma_fault(vma, range, false, true)), 0);
  t.equal(hmm_vma_range_done(vma, range), true);
  t.strictSame([...range.flags], [HMM_PFN_VALID | HMM_PFN_READ, HMM_PFN_VALID | HMM_PFN_READ]);
  // The fault itself changes the page table: a page takes the place of the zero page.
  t.equal(run(hmm_vma_fault(vma, range, true, true)), 0);
  t.equal(hmm_vma_range_done(vma, range), false);
  t.equal(run(hmm_vma_fault(vma, range, true, true)), 0);
  t.equal(hmm_vma_range_done(vma, range), true);
  t.equal(range.flags[0], HMM_PFN_VALID | HMM_PFN_READ | HMM_PFN_WRITE);
});

t.test('hugetlb is no mapping for devices, and a range is within one that somebody mirrors', async (t) => {
  const { mm, addr, vma, run } = setUp(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, 2 ** 21);
  const range = rangeOf(addr, 1);
  t.equal(run(hmm_vma_fault(vma, range, false, true)), -EINVAL, 'no mirror yet');
  hmm_mirror_register(listening([], 'mirror'), mm);
  t.equal(run(hmm_vma_get_pfns(vma, range)), -EINVAL);
  t.equal(range.flags[0], HMM_PFN_SPECIAL);
  t.equal(run(hmm_vma_fault(vma, range, false, true)), 0);
  t.equal(range.flags[0], HMM_PFN_SPECIAL);
  hmm_vma_range_done(vma, range);
  t.equal(run(hmm_vma_fault(vma, rangeOf(addr - PAGE_SIZE, 2), false, true)), -EINVAL);
});

t.test('migrate_vma() unmaps, asks for pages, moves, and tells what has moved', async (t) => {
  const { k, mm, addr, vma, touch, run } = setUp();
  const said: string[] = [];
  hmm_mirror_register(listening(said, 'mirror'), mm);
  touch(0, 1);
  const from: number[] = [];
  const ret = run(
    migrate_vma(
      {
        // biome-ignore lint/correctness/useYield: a driver may sleep here
        *alloc_and_copy(migrate, name) {
          const page = migrate_pfn_to_page(migrate.src[0]!);
          from.push(page);
          said.push(`${name} alloc_and_copy`);
          t.equal(folio_mapped(k.mem, page), false);
          t.not(k.mem.flags[page]! & PG_locked, 0);
          const dpage = k.pages.alloc_page();
          k.trylock_page(dpage);
          k.copy_highpage(dpage, page);
          migrate.dst[0] = migrate_pfn(dpage);
        },
        // biome-ignore lint/correctness/useYield: and here
        *finalize_and_map(migrate, name) {
          said.push(`${name} finalize_and_map`);
          t.not(migrate.src[0]! & MIGRATE_PFN_MIGRATE, 0);
          // Nothing was offered for the hole behind it.
          t.equal(migrate.src[1]! & MIGRATE_PFN_MIGRATE, 0);
          from.push(migrate_pfn_to_page(migrate.dst[0]!));
        },
      },
      vma,
      addr,
      addr + 2 * PAGE_SIZE,
      'driver',
    ),
  );
  t.equal(ret, 0);
  t.strictSame(said, ['mirror HMM_UPDATE_INVALIDATE 2', 'driver alloc_and_copy', 'driver finalize_and_map']);
  const range = rangeOf(addr, 1);
  run(hmm_vma_get_pfns(vma, range));
  t.equal(range.pfns[0], from[1]);
  t.not(from[0], from[1]);
  t.equal(k.mem.refcount[from[1]!], 1);
});

t.test('migrate_vma() refuses what is no range of the mapping, and mappings that cannot move', async (t) => {
  const never = { alloc_and_copy: () => done(undefined), finalize_and_map: () => done(undefined) };
  const { addr, vma, run } = setUp();
  t.equal(run(migrate_vma(never, vma, addr, addr, null)), -EINVAL);
  t.equal(run(migrate_vma(never, vma, addr, addr + 5 * PAGE_SIZE, null)), -EINVAL);
  const huge = setUp(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, 2 ** 21);
  t.equal(huge.run(migrate_vma(never, huge.vma, huge.addr, huge.addr + PAGE_SIZE, null)), -EINVAL);
});

const ops: HmmDevmemOps = { free: () => {}, fault: () => done(0) };

t.test('device memory is plugged in where nothing is, from the top of physical memory down', async (t) => {
  const { k, run } = setUp();
  const add = (size: number) => hmm_devmem_add(k, ops, 'driver', size, {});
  const [first, second] = [add(2 ** 28), add(1)];
  if (typeof first === 'number' || typeof second === 'number') throw new Error('no memory');
  t.strictSame([first.resource.start, first.resource.end], [2 ** 46 - 2 ** 28, 2 ** 46 - 1]);
  // Whole sections.
  t.strictSame(
    [second.resource.start, second.resource.end],
    [2 ** 46 - 2 ** 28 - 2 ** 27, 2 ** 46 - 2 ** 28 - 1],
  );
  run(hmm_devmem_remove(first));
  const third = add(2 ** 27);
  t.equal(third instanceof HmmDevmem && third.resource.end, 2 ** 46 - 1, 'the addresses are free again');
  t.equal(add(2 ** 46), -ERANGE);
});

t.test('coherent memory comes with its addresses', async (t) => {
  const { k } = setUp();
  const resource = (desc: number) =>
    new Resource('CDM', 2 ** 40, 2 ** 40 + 2 ** 28 - 1, IORESOURCE_MEM, desc);
  t.equal(hmm_devmem_add_resource(k, ops, resource(0), {}), -EINVAL);
  const devmem = hmm_devmem_add_resource(k, ops, resource(IORES_DESC_DEVICE_PUBLIC_MEMORY), {});
  t.equal(devmem instanceof HmmDevmem && devmem.cdm, true);
});

t.test('devices of the class have the lowest number that is free', async (t) => {
  const { k } = setUp();
  const made = Array.from({ length: 256 }, () => hmm_device_new(k, {}));
  t.equal(hmm_device_new(k, {}), -EBUSY);
  const [, second] = made;
  if (second === undefined || typeof second === 'number') throw new Error('no device');
  t.equal(second.name, 'hmm_device1');
  second.hmm_device_put();
  const again = hmm_device_new(k, {});
  t.equal(typeof again === 'number' || again.minor, 1);
});

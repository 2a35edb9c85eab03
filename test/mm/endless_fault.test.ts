// SPDX-License-Identifier: GPL-2.0-only
/** A page whose fault never brings it: whoever waits for it reaches a time limit after a few thousand faults. */
import t, { type Test } from 'tap';
import { get_user_pages } from '../../src/mm/gup.js';
import { HMM_PFN_REQ_FAULT, type HmmRange, hmm_range_fault } from '../../src/mm/hmm.js';
import type { Kernel } from '../../src/mm/kernel.js';
import {
  MmuIntervalNotifier,
  mmu_interval_notifier_insert,
  mmu_interval_read_begin,
} from '../../src/mm/mmu_notifier.js';
import type { MmStruct } from '../../src/mm/types.js';
import { userPage } from '../../src/mm/uaccess.js';
import { Hang } from '../../src/sim/errors.js';
import { done, type Task } from '../../src/sim/task.js';
import { BASE, boot, mapAnon, mapDevicePage } from './gup_kernel.js';

const LIMIT_NS = 30e9;

/** Runs `access` of a private page that stays where it is. Return: how many faults until the time limit. */
function faultsUntilHang(t: Test, access: (k: Kernel, mm: MmStruct) => Task<unknown>, where: string): number {
  const k = boot();
  const mm = k.mm_alloc();
  let faults = 0;
  const migrate_to_ram = () => {
    faults++;
    return done(0);
  };
  mapDevicePage(mapAnon(mm, 0, 1), 0, 'MEMORY_DEVICE_PRIVATE', { page_free: () => {}, migrate_to_ram });
  const task = k.executor.spawn('test', access(k, mm), null);
  t.throws(() => k.executor.runUntil(task, LIMIT_NS), new Hang(where, 'exceeded its simulated time limit'));
  t.ok(k.executor.now > LIMIT_NS);
  return faults;
}

/** Somebody else's device, which faults the page in for itself. */
function* faultForDevice(mm: MmStruct): Task<number> {
  const notifier = new MmuIntervalNotifier({});
  mmu_interval_notifier_insert(notifier, mm, 0, 2 ** 47, {
    invalidate: () => done(true),
  });
  const range: HmmRange = {
    notifier,
    notifier_seq: yield* mmu_interval_read_begin(notifier),
    start: BASE,
    end: BASE + 4096,
    hmm_pfns: new Uint32Array(1),
    hmm_flags: new Uint16Array(1),
    default_flags: HMM_PFN_REQ_FAULT,
    dev_private_owner: {},
  };
  return yield* hmm_range_fault(range);
}

t.test('a copy from user memory', async (t) => {
  t.equal(
    faultsUntilHang(t, (_, mm) => userPage(mm, BASE, false), 'asm_exc_page_fault'),
    1992,
  );
});

t.test('get_user_pages', async (t) => {
  const access = (_: Kernel, mm: MmStruct) => get_user_pages(mm, BASE, 1, 0, new Uint32Array(1));
  t.equal(faultsUntilHang(t, access, '__get_user_pages'), 1991);
});

t.test('hmm_range_fault', async (t) => {
  t.equal(
    faultsUntilHang(t, (_, mm) => faultForDevice(mm), 'hmm_range_fault'),
    1991,
  );
});

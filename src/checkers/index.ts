// SPDX-License-Identifier: GPL-2.0-only
/** Invariants of the simulated kernel, one file each; run after every system call when asked. */
import type { Drivers } from '../kernel/drivers.js';
import type { Driver } from '../kernel/module.js';
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';
import type { Executor } from '../sim/executor.js';
import { check_anon_vmas } from './anon_vma.js';
import { Census } from './census.js';
import { check_device_tables } from './device_tables.js';
import { check_device_pages } from './devices.js';
import { check_hugetlb } from './hugetlb.js';
import { check_leaks } from './leak.js';
import { check_lost_writes } from './lost_writes.js';
import { check_memcgs } from './memcg.js';
import { check_refcounts } from './refcount.js';
import { check_rmap } from './rmap.js';
import { check_tlbs } from './tlb.js';
import { check_vmas } from './vma.js';
import { check_writeback } from './writeback.js';

/** Context: nobody is inside the kernel. Throws InvariantViolation at the first finding. */
export type Checker = (census: Census) => void;

/** Of one driver: what has to hold of it alone. */
export interface DriverCheckers<D extends Driver> {
  /** Called when the driver is loaded into a machine that checks, before its first file is opened. */
  watch?(driver: D): void;
  checkers(driver: D): Readonly<Record<string, Checker>>;
}

export const checkers: Readonly<Record<string, Checker>> = {
  vma: check_vmas,
  anon_vma: check_anon_vmas,
  rmap: check_rmap,
  refcount: check_refcounts,
  'device pages': check_device_pages,
  'device table': check_device_tables,
  hugetlb: check_hugetlb,
  'lost write': check_lost_writes,
  memcg: check_memcgs,
  tlb: check_tlbs,
  writeback: check_writeback,
};

/** Where tasks wait or are preempted that hold nothing of the kernel's. */
const OUTSIDE = new Set([
  '',
  'user loop',
  'exc_page_fault',
  'exit_to_user_mode',
  'do_wait',
  'do_nanosleep',
  'pthread_join',
]);

/** Is nobody but the running task inside the kernel? There, invariants may be broken for a while. */
function is_quiet(executor: Executor): boolean {
  for (const task of executor.tasks()) {
    if (task !== executor.current && !OUTSIDE.has(task.where)) return false;
  }
  return true;
}

/** What is checked: `own` are the checkers of the drivers that are loaded. */
export interface Checked {
  readonly k: Kernel;
  readonly drivers: Drivers;
  readonly own: readonly Checker[];
  readonly mms: readonly MmStruct[];
}

function take_census({ k, drivers, own, mms }: Checked): Census {
  const census = new Census(k, drivers, mms);
  for (const check of Object.values(checkers)) check(census);
  for (const check of own) check(census);
  return census;
}

/** Throws InvariantViolation at the first finding. Finds nothing while another task is inside the kernel. */
export function run_checkers(checked: Checked): void {
  if (is_quiet(checked.k.executor)) take_census(checked);
}

/** The same at the end of a machine's life, when no process is left. */
export function run_leak_check(checked: Checked): void {
  check_leaks(take_census(checked));
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * `hmm-sim/driver`: what a driver is written against: the contract, and the driver's side of the memory core under the
 * kernel's names. What may sleep is called with `yield*`; a call without it is told with its line.
 */

import type { FileOperations } from '../fs/file.js';
import type { Driver, DriverModule } from '../kernel/module.js';
import {
  assertBegun,
  expectOutsiders,
  noteLock,
  noteMarked,
  noteNotifier,
  notePage,
  noteUnlock,
  noteWritten,
  PendingCall,
} from '../kernel/outside.js';
import { telling } from '../kernel/told-command.js';
import { type LoadableDriver, loadable } from '../machine/registry.js';
import * as gup from '../mm/gup.js';
import * as hmm from '../mm/hmm.js';
import type { Kernel } from '../mm/kernel.js';
import {
  DevPagemap as CorePagemap,
  memremap_pages as core_memremap_pages,
  memunmap_pages as core_memunmap_pages,
  zone_device_page_init as core_zone_device_page_init,
  type DevPagemapOps,
  type MemoryType,
} from '../mm/memremap.js';
import * as migrate from '../mm/migrate_device.js';
import { mmput as core_mmput } from '../mm/mmap.js';
import * as notifier from '../mm/mmu_notifier.js';
import { get_page as core_get_page, put_page as core_put_page, UNMOVABLE } from '../mm/page_alloc.js';
import { compound_head, folio_mark_dirty } from '../mm/page_flags.js';
import { make_device_exclusive_range as core_make_device_exclusive_range } from '../mm/rmap_exclusive.js';
import type { MmStruct, VmArea, VmFault } from '../mm/types.js';
import * as uaccess from '../mm/uaccess.js';
import { KernelBug } from '../sim/errors.js';
import { Mutex as CoreMutex, SpinLock as CoreSpinLock } from '../sim/locks.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';

export type { FileOperations, OpenFile } from '../fs/file.js';
export type { Generation } from '../generations/types.js';
export type { CommandKind, DriverCommand } from '../kernel/driver-events.js';
export type {
  Device,
  DeviceAccess,
  DeviceEntry,
  Driver,
  DriverHost,
  DriverModule,
  DriverStep,
  DriverView,
  Holder,
  ModuleParameter,
  StepRequest,
} from '../kernel/module.js';
export type { ToldCommand } from '../kernel/told-command.js';
export { FOLL_LONGTERM, FOLL_WRITE } from '../mm/gup_flags.js';
export {
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
} from '../mm/hmm.js';
export type { Kernel } from '../mm/kernel.js';
export {
  type DevPagemapOps,
  is_device_coherent_page,
  is_device_private_page,
  type MemoryType,
} from '../mm/memremap.js';
export { migrate_device_finalize, migrate_vma_finalize } from '../mm/migrate_device.js';
export {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  new_migrate_vma as migrate_vma,
} from '../mm/migrate_vma.js';
export {
  MmuIntervalNotifier,
  type MmuIntervalNotifierOps,
  type MmuNotifierRange,
  mmu_interval_set_seq,
} from '../mm/mmu_notifier.js';
export { __release_region, lookup_resource, request_free_mem_region } from '../mm/resource.js';
export {
  type MmStruct,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_READ,
  VM_WRITE,
  type VmArea,
  type VmFault,
} from '../mm/types.js';
export { NO_PAGE, type Page } from '../sim/memmap.js';
export type { Task } from '../sim/task.js';
export * as errno from '../uapi/errno.js';
export { PAGE_SIZE } from '../uapi/mman.js';

/** Version of the interface: a driver that was written for another one is not loaded. */
export const DRIVER_INTERFACE = 1;

/** A driver's side of the contract, and the version of it. */
export interface OutsideModule<D extends Driver> extends DriverModule<D> {
  /** DRIVER_INTERFACE as it was when the driver was written, as a number. */
  readonly interface: typeof DRIVER_INTERFACE;
}

/** What insmod takes: made by defineDriver() alone. */
export interface OutsideDriver extends LoadableDriver {
  readonly outside: true;
  /** The version that the driver was written for. */
  readonly interface: number;
}

// --- what may sleep ---------------------------------------------------------------------------------------

/** `fn`, begun by `yield*`: until then nothing has happened, and a call that nobody begins is a KernelBug. */
function sleeping<A extends unknown[], T>(
  name: string,
  fn: (...args: A) => Task<T>,
): (...args: A) => Task<T> {
  return (...args) => new PendingCall(name, () => fn(...args)) as unknown as Task<T>;
}

/** How often each notifier's sequence was read since a collision was last ruled out. */
const begun = new WeakMap<notifier.MmuIntervalNotifier, number>();

/** Who begins again for ever comes to the end of his time. */
function* reading(mni: notifier.MmuIntervalNotifier): Task<number> {
  const { kernel } = mni.mm;
  const tries = (begun.get(mni) ?? 0) + 1;
  begun.set(mni, tries);
  kernel.tried_in_vain(tries);
  if (kernel.executor.shouldResched) yield* kernel.executor.cond_resched('mmu_interval_read_begin');
  return yield* notifier.mmu_interval_read_begin(mni);
}

/** Context: may sleep, while the range is invalidated. Return: the sequence that mmu_interval_read_retry() asks for. */
export const mmu_interval_read_begin = sleeping('mmu_interval_read_begin', reading);

/** Context: the driver's lock held. Return: whether there was an invalidation since, so that all has to begin again. */
export function mmu_interval_read_retry(mni: notifier.MmuIntervalNotifier, seq: number): boolean {
  const collided = notifier.mmu_interval_read_retry(mni, seq);
  if (!collided) begun.delete(mni);
  return collided;
}

export const mmu_interval_notifier_remove = sleeping(
  'mmu_interval_notifier_remove',
  notifier.mmu_interval_notifier_remove,
);
/** Context: mmap_lock held; may sleep. Return: 0 or -errno; -EBUSY: begin again. */
export const hmm_range_fault = sleeping('hmm_range_fault', hmm.hmm_range_fault);
export const migrate_vma_setup = sleeping('migrate_vma_setup', migrate.migrate_vma_setup);
export const migrate_vma_pages = sleeping('migrate_vma_pages', migrate.migrate_vma_pages);
export const migrate_device_range = sleeping('migrate_device_range', migrate.migrate_device_range);
export const migrate_device_pages = sleeping('migrate_device_pages', migrate.migrate_device_pages);
export const memunmap_pages = sleeping('memunmap_pages', core_memunmap_pages);
export const mmput = sleeping('mmput', core_mmput);
export const copy_from_user = sleeping('copy_from_user', uaccess.copy_from_user);
export const copy_to_user = sleeping('copy_to_user', uaccess.copy_to_user);
export const unpin_user_pages = gup.unpin_user_pages;

/** Pages that a call has got, each with a reference that the caller is to drop. */
function noteGot(k: Kernel, pages: Uint32Array, got: number): number {
  for (let n = 0; n < got; n++) if (pages[n] !== NO_PAGE) notePage(k, pages[n]!);
  return got;
}

function* pinning(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: Uint32Array,
): Task<number> {
  return noteGot(mm.kernel, pages, yield* gup.pin_user_pages(mm, start, nr_pages, gup_flags, pages));
}

function* takingExclusive(
  mm: MmStruct,
  start: number,
  end: number,
  pages: Uint32Array,
  owner: unknown,
): Task<number> {
  return noteGot(mm.kernel, pages, yield* core_make_device_exclusive_range(mm, start, end, pages, owner));
}

export const pin_user_pages = sleeping('pin_user_pages', pinning);
/** Pages that are in `pages` afterwards are the device's alone, locked and referenced; the caller drops both. */
export const make_device_exclusive = sleeping('make_device_exclusive', takingExclusive);

// --- locks ------------------------------------------------------------------------------------------------

/** struct mutex. */
export class Mutex {
  readonly lock: CoreMutex;

  constructor(
    readonly k: Kernel,
    readonly name: string,
  ) {
    this.lock = new CoreMutex(k.executor, name);
  }
}

function* locking(mutex: Mutex): Task {
  yield* mutex.lock.mutex_lock('mutex_lock');
  noteLock(mutex.k, mutex, mutex.name);
}

/** Context: may sleep. */
export const mutex_lock = sleeping('mutex_lock', locking);

export function mutex_unlock(mutex: Mutex): void {
  mutex.lock.mutex_unlock();
  noteUnlock(mutex.k, mutex);
}

/** spinlock_t. Who holds one may not sleep. */
export class SpinLock {
  readonly lock: CoreSpinLock;

  constructor(
    readonly k: Kernel,
    readonly name: string,
  ) {
    this.lock = new CoreSpinLock(k.executor, name);
  }
}

export function spin_lock(spinlock: SpinLock): void {
  spinlock.lock.spin_lock();
  noteLock(spinlock.k, spinlock, spinlock.name);
}

export function spin_unlock(spinlock: SpinLock): void {
  spinlock.lock.spin_unlock();
  noteUnlock(spinlock.k, spinlock);
}

function* readLocking(mm: MmStruct): Task {
  yield* mm.mmap_lock.down_read('mmap_read_lock');
  noteLock(mm.kernel, mm.mmap_lock, 'mmap_lock');
}

/** Context: may sleep. */
export const mmap_read_lock = sleeping('mmap_read_lock', readLocking);

export function mmap_read_unlock(mm: MmStruct): void {
  mm.mmap_lock.up_read();
  noteUnlock(mm.kernel, mm.mmap_lock);
}

// --- pages ------------------------------------------------------------------------------------------------

/** A page of system memory, or NO_PAGE. `movable`: it is for user space, not the driver's own. */
export function alloc_page(k: Kernel, movable = false): Page {
  const page = movable ? k.pages.alloc_page() : k.pages.alloc_page(UNMOVABLE);
  if (page !== NO_PAGE) notePage(k, page);
  return page;
}

export function get_page(k: Kernel, page: Page): void {
  core_get_page(k, page);
  notePage(k, page);
}

export function put_page(k: Kernel, page: Page): void {
  core_put_page(k, page);
}

/**
 * The device has written to the page, past the page tables: otherwise reclaim takes it for what its file or the swap device has, and what
 * was written is lost. Context: a reference, or a sequence that is not over. Source: mm/folio-compat.c set_page_dirty().
 */
export function set_page_dirty(k: Kernel, page: Page): void {
  assertReachable(k, 'set_page_dirty', page);
  folio_mark_dirty(k.mem, compound_head(k.mem, page));
  noteMarked(k, page);
}

/** Context: nobody else knows the page, or it is waited for elsewhere. Return: whether it is locked by the caller now. */
export function trylock_page(k: Kernel, page: Page): boolean {
  return k.trylock_page(page);
}

export function unlock_page(k: Kernel, page: Page): void {
  k.unlock_page(page);
}

export function copy_highpage(k: Kernel, to: Page, from: Page): void {
  assertReachable(k, 'copy_highpage', to);
  assertReachable(k, 'copy_highpage', from);
  k.copy_highpage(to, from);
  noteWritten(k, to);
}

export function clear_highpage(k: Kernel, page: Page): void {
  assertReachable(k, 'clear_highpage', page);
  k.clear_highpage(page);
  noteWritten(k, page);
}

/** Copy `length` bytes out of a page, from byte `offset` on. */
export function memcpy_from_page(k: Kernel, page: Page, offset: number, length: number): Uint8Array {
  assertReachable(k, 'memcpy_from_page', page);
  const bytes = new Uint8Array(length);
  k.contents.readBytes(page, offset, bytes, 0, length);
  return bytes;
}

export function memcpy_to_page(k: Kernel, page: Page, offset: number, bytes: Uint8Array): void {
  assertReachable(k, 'memcpy_to_page', page);
  k.contents.writeBytes(page, offset, bytes, 0, bytes.length);
  noteWritten(k, page);
}

/** A number of the memmap is a page; what a mistake computed is a pointer to nowhere. */
function assertReachable(k: Kernel, fn: string, page: Page): void {
  const gone = k.is_zone_device_page(page) && !k.has_pgmap(page);
  if (Number.isInteger(page) && page > NO_PAGE && page < k.mem.refcount.length && !gone) return;
  throw new KernelBug(fn, `unable to handle page fault: ${String(page)} is no page`);
}

export function zone_device_page_init(k: Kernel, page: Page): void {
  core_zone_device_page_init(k, page);
  notePage(k, page);
}

/** mmget_not_zero(): whether the address space lives; then mmput() is due. */
export function mmget_not_zero(mm: MmStruct): boolean {
  return mm.kernel.mmget_not_zero(mm);
}

/** Context: mmap_lock held. */
export function vma_lookup(mm: MmStruct, addr: number): VmArea | null {
  return mm.vmas.vma_lookup(addr);
}

// --- what the kernel calls --------------------------------------------------------------------------------

/** What the kernel was to be answered is there, and of the kind that it is to be; otherwise the driver is wrong. */
function* answering<T>(
  name: string,
  what: 'number' | 'boolean' | 'undefined',
  begin: () => Task<T>,
): Task<T> {
  const task: unknown = begin();
  if (typeof task !== 'object' || task === null || !(Symbol.iterator in task)) {
    throw new KernelBug(name, `${name} is no generator (function*): it answered ${String(task)}`);
  }
  const value = yield* thrown(name, task as Task<T>);
  assertBegun();
  const wrong = what === 'number' ? !Number.isInteger(value) : what !== typeof value;
  if (!wrong) return value;
  const hint = typeof value === 'object' ? ': "yield*" is missing before what it returns' : '';
  throw new KernelBug(name, `${name} answered ${String(value)}, expected a ${what}${hint}`);
}

/** What is thrown and is no Error has no line, but the function that threw it. */
function* thrown<T>(name: string, task: Task<T>): Task<T> {
  try {
    return yield* task;
  } catch (error) {
    if (error instanceof Error) throw error;
    throw new KernelBug(name, `${name} threw ${String(error)}`);
  }
}

type Callback<A extends unknown[], T> = (...args: A) => Task<T>;

function guarded<A extends unknown[], T>(
  name: string,
  what: 'number' | 'boolean',
  self: object,
  fn: Callback<A, T>,
): Callback<A, T> {
  return (...args) => answering(name, what, () => fn.apply(self, args));
}

/** A function that may not sleep, and answers nothing. */
function plain<A extends unknown[]>(
  name: string,
  self: object,
  fn: (...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    const value: unknown = fn.apply(self, args);
    assertBegun();
    if (typeof value !== 'object' || value === null || !('next' in value)) return;
    throw new KernelBug(name, `${name} may not sleep, and is a generator: nothing of it has run`);
  };
}

function guardedOps(ops: DevPagemapOps): DevPagemapOps {
  const { page_free, migrate_to_ram } = ops;
  return {
    ...(page_free === undefined ? {} : { page_free: plain('page_free', ops, page_free) }),
    ...(migrate_to_ram === undefined
      ? {}
      : {
          migrate_to_ram: guarded(
            'migrate_to_ram',
            'number',
            ops,
            migrate_to_ram as Callback<[VmFault], number>,
          ),
        }),
  };
}

/** struct dev_pagemap: a range of device memory, inclusive, and what the kernel calls about it. */
export class DevPagemap extends CorePagemap {
  constructor(
    type: MemoryType,
    range: { readonly start: number; readonly end: number },
    ops: DevPagemapOps,
    owner: object | null,
    container: object | null = null,
  ) {
    super(type, range, guardedOps(ops), owner, container);
  }
}

export function memremap_pages(k: Kernel, pgmap: DevPagemap): number {
  return core_memremap_pages(k, pgmap);
}

/** `length` in bytes. Return: 0, -EOVERFLOW for an empty range, -EINVAL for an mm that is gone. */
export function mmu_interval_notifier_insert(
  mni: notifier.MmuIntervalNotifier,
  mm: MmStruct,
  start: number,
  length: number,
  ops: notifier.MmuIntervalNotifierOps,
): number {
  const invalidate = guarded('invalidate', 'boolean', ops, ops.invalidate);
  noteNotifier(mm);
  return notifier.mmu_interval_notifier_insert(mni, mm, start, length, { invalidate });
}

function guardedFile(f_op: FileOperations): FileOperations {
  const { open, release, unlocked_ioctl, read, write } = f_op;
  const guard = <A extends unknown[]>(name: string, fn: Callback<A, number> | undefined) =>
    fn === undefined ? {} : { [name]: guarded(name, 'number', f_op, fn) };
  return {
    ...f_op,
    ...guard('open', open),
    ...guard('unlocked_ioctl', unlocked_ioctl),
    ...guard('read', read),
    ...guard('write', write),
    ...(release === undefined
      ? {}
      : { release: (file) => answering('release', 'undefined', () => release.call(f_op, file)) }),
  };
}

/** A driver with its files guarded; the same object otherwise, which unload() is to get back. */
function guardedFiles(files: ReadonlyMap<string, FileOperations>): ReadonlyMap<string, FileOperations> {
  return new Map([...files].map(([path, f_op]) => [path, guardedFile(f_op)]));
}

/** What insmod takes, of a driver. */
export function defineDriver<D extends Driver>(module: OutsideModule<D>): OutsideDriver {
  expectOutsiders();
  const files = new WeakMap<Driver, D>();
  const guardedModule: DriverModule<Driver> = {
    ...module,
    *load(host, params): Task<Driver | number> {
      const driver = yield* module.load(host, params);
      assertBegun();
      if (typeof driver === 'number') return driver;
      const { name, view } = driver;
      const guardedDriver = { name, view, files: guardedFiles(driver.files) };
      files.set(guardedDriver, driver);
      return guardedDriver;
    },
    *unload(driver): Task {
      yield* answering('unload', 'undefined', () => module.unload(files.get(driver)!));
    },
  };
  return { ...loadable(guardedModule), outside: true, interface: module.interface };
}

// --- what is told -----------------------------------------------------------------------------------------

/** Serve a command, and tell whoever listens of its beginning and its end. Context: may sleep. */
export const tell_command = sleeping('tell_command', telling);

/** Tell whoever listens that a device has entered a page into its table. */
export function tell_device_fault(mm: MmStruct, addr: number, device: string, fn: string): void {
  const { trace } = mm.kernel;
  if (trace !== null)
    mm.kernel.note({ event: 'device_fault', tracepoint: 'device_fault', fn, mm, addr, args: { device } });
}

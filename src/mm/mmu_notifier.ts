// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mmu_notifier.c. Fidelity: ported; a list stands for the interval tree. */
import { WaitQueue } from '../sim/executor.js';
import { done, type Task } from '../sim/task.js';
import { EINVAL, EOVERFLOW } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { TraceEvent } from './trace.js';
import type { MmStruct } from './types.js';

export type MmuNotifierEvent =
  | 'MMU_NOTIFY_UNMAP'
  | 'MMU_NOTIFY_CLEAR'
  | 'MMU_NOTIFY_PROTECTION_VMA'
  | 'MMU_NOTIFY_PROTECTION_PAGE'
  | 'MMU_NOTIFY_MIGRATE'
  | 'MMU_NOTIFY_EXCLUSIVE';

export interface MmuNotifierRange {
  readonly mm: MmStruct;
  /** Bytes, [start, end). */
  readonly start: number;
  readonly end: number;
  readonly event: MmuNotifierEvent;
  /** Who migrates, so that its driver can ignore its own invalidation. */
  readonly owner: unknown;
}

export interface MmuIntervalNotifierOps {
  /** Context: may sleep; takes the driver's lock and calls mmu_interval_set_seq(). */
  invalidate(mni: MmuIntervalNotifier, range: MmuNotifierRange, curSeq: number): Task<boolean>;
}

export class MmuIntervalNotifier {
  mm!: MmStruct;
  start = 0;
  /** Inclusive. */
  last = 0;
  invalidate_seq = 0;
  ops!: MmuIntervalNotifierOps;
  inTree = false;

  constructor(
    /** container_of(): the driver's struct around the notifier. */
    readonly owner: unknown,
  ) {}
}

/** struct mmu_notifier, with its struct mmu_notifier_ops: of the whole address space. */
export interface MmuNotifier {
  /** Context: may sleep. */
  invalidate_range_start?(range: MmuNotifierRange): Task;
  /** The page tables have changed. Context: may not sleep here, where the kernel's may. */
  invalidate_range_end?(range: MmuNotifierRange): void;
  /** The address space goes; its mappings are still there. Context: may sleep. */
  release?(mm: MmStruct): Task;
}

/** struct mmu_notifier_subscriptions. */
export class MmNotifiers {
  /** Of the whole address space, while it is alive. */
  readonly list: MmuNotifier[] = [];
  invalidate_seq = 2;
  active_invalidate_ranges = 0;
  readonly itree: MmuIntervalNotifier[] = [];
  readonly deferred: MmuIntervalNotifier[] = [];
  readonly wq = new WaitQueue();

  get isInvalidating(): boolean {
    return (this.invalidate_seq & 1) !== 0;
  }
}

export function mmu_notifier_range(
  mm: MmStruct,
  start: number,
  end: number,
  event: MmuNotifierEvent,
  owner: unknown = null,
): MmuNotifierRange {
  return { mm, start, end, event, owner };
}

/** Context: may sleep. */
export function mmu_notifier_invalidate_range_start(range: MmuNotifierRange): Task {
  const subscriptions = range.mm.notifiers;
  if (subscriptions === null) return done(undefined);
  range.mm.kernel.enter('__mmu_notifier_invalidate_range_start', range.start);
  subscriptions.active_invalidate_ranges++;
  const { list, itree } = subscriptions;
  const inTree = itree.some((mni) => overlaps(mni, range));
  if (list.length > 0) return invalidate_all(subscriptions, range, inTree);
  return inTree ? mn_itree_invalidate(subscriptions, range) : done(undefined);
}

/** __mmu_notifier_invalidate_range_start(): the intervals first. */
function* invalidate_all(subscriptions: MmNotifiers, range: MmuNotifierRange, inTree: boolean): Task {
  if (inTree) yield* mn_itree_invalidate(subscriptions, range);
  for (const mn of subscriptions.list) {
    if (mn.invalidate_range_start !== undefined) yield* mn.invalidate_range_start(range);
  }
}

const overlaps = (mni: MmuIntervalNotifier, range: MmuNotifierRange): boolean =>
  mni.start < range.end && mni.last >= range.start;

function* mn_itree_invalidate(subscriptions: MmNotifiers, range: MmuNotifierRange): Task {
  const { kernel } = range.mm;
  if (kernel.trace !== null) kernel.note(invalidation(range));
  subscriptions.invalidate_seq |= 1;
  if (kernel.executor.watched) {
    yield* kernel.executor.pointTask('notifier', range.mm, 'mn_itree_invalidate');
  }
  const seq = subscriptions.invalidate_seq;
  const { itree } = subscriptions;
  // While the sequence is odd, nobody enters or leaves the list.
  for (let n = 0; n < itree.length; n++) {
    const mni = itree[n]!;
    if (overlaps(mni, range)) yield* mni.ops.invalidate(mni, range, seq);
  }
}

/** What is told of an invalidation that reaches a driver. */
function invalidation({ mm, start, end, event }: MmuNotifierRange): TraceEvent {
  const args = { notify: event, pages: (end - start) / PAGE_SIZE };
  return { event: 'mmu_notifier_invalidate_range_start', fn: 'mn_itree_invalidate', mm, addr: start, args };
}

export function mmu_notifier_invalidate_range_end(range: MmuNotifierRange): void {
  const subscriptions = range.mm.notifiers;
  if (subscriptions === null) return;
  range.mm.kernel.enter('__mmu_notifier_invalidate_range_end', range.start);
  for (const mn of subscriptions.list) mn.invalidate_range_end?.(range);
  if (--subscriptions.active_invalidate_ranges > 0 || !subscriptions.isInvalidating) return;
  subscriptions.invalidate_seq++;
  for (const mni of subscriptions.deferred) {
    if (mni.inTree) removeFromTree(subscriptions, mni);
    else insertIntoTree(subscriptions, mni);
  }
  subscriptions.deferred.length = 0;
  subscriptions.wq.wakeAll(range.mm.kernel.executor);
}

/** Context: the mm has users. Whoever registers keeps the struct of the mm until mmu_notifier_unregister(). */
export function mmu_notifier_register(mn: MmuNotifier, mm: MmStruct): void {
  mm.notifiers ??= new MmNotifiers();
  mm.notifiers.list.push(mn);
  mm.mm_count++;
}

/** It is told of nothing more, and lets go of the struct of the mm. */
export function mmu_notifier_unregister(mn: MmuNotifier, mm: MmStruct): void {
  const { list } = mm.notifiers!;
  const at = list.indexOf(mn);
  if (at >= 0) list.splice(at, 1);
  mm.kernel.mmdrop(mm);
}

/** The address space goes. DIVERGES: interval notifiers are not told; the drivers here have nothing to do then. */
export function* mmu_notifier_release(mm: MmStruct): Task {
  for (const mn of mm.notifiers!.list.splice(0)) if (mn.release !== undefined) yield* mn.release(mm);
}

/** `length` in bytes. Return: 0, -EOVERFLOW for an empty range, -EINVAL for an mm that is gone. */
export function mmu_interval_notifier_insert(
  mni: MmuIntervalNotifier,
  mm: MmStruct,
  start: number,
  length: number,
  ops: MmuIntervalNotifierOps,
): number {
  mm.kernel.enter('mmu_interval_notifier_insert');
  if (mm.notifiers === null) mm.notifiers = new MmNotifiers();
  const subscriptions = mm.notifiers;
  if (length === 0) return -EOVERFLOW;
  if (mm.mm_users <= 0) {
    mm.kernel.warn('__mmu_interval_notifier_insert', 'the mm has no users');
    return -EINVAL;
  }
  mni.mm = mm;
  mni.ops = ops;
  mni.start = start;
  mni.last = start + length - 1;
  mm.mm_count++;
  if (subscriptions.active_invalidate_ranges > 0) {
    if (subscriptions.isInvalidating) {
      subscriptions.deferred.push(mni);
    } else {
      subscriptions.invalidate_seq |= 1;
      insertIntoTree(subscriptions, mni);
    }
    mni.invalidate_seq = subscriptions.invalidate_seq;
  } else {
    mni.invalidate_seq = subscriptions.invalidate_seq - 1;
    insertIntoTree(subscriptions, mni);
  }
  return 0;
}

/** Context: may sleep, until an invalidation in progress has ended. */
export function* mmu_interval_notifier_remove(mni: MmuIntervalNotifier): Task {
  mni.mm.kernel.enter('mmu_interval_notifier_remove');
  const { mm } = mni;
  const subscriptions = mm.notifiers!;
  let seq = 0;
  if (!subscriptions.isInvalidating) {
    removeFromTree(subscriptions, mni);
  } else if (!mni.inTree) {
    subscriptions.deferred.splice(subscriptions.deferred.indexOf(mni), 1);
  } else {
    subscriptions.deferred.push(mni);
    seq = subscriptions.invalidate_seq;
  }
  while (seq !== 0 && subscriptions.invalidate_seq === seq) {
    yield* subscriptions.wq.sleep(mm.kernel.executor, 'mmu_interval_notifier_remove');
  }
  mm.kernel.mmdrop(mm);
}

/** Context: may sleep while an invalidation of the range is in progress. Return: the sequence to check later. */
export function mmu_interval_read_begin(mni: MmuIntervalNotifier): Task<number> {
  mni.mm.kernel.enter('mmu_interval_read_begin');
  const seq = mni.invalidate_seq;
  return seq !== mni.mm.notifiers!.invalidate_seq ? done(seq) : read_begin_slow(mni, seq);
}

function* read_begin_slow(mni: MmuIntervalNotifier, seq: number): Task<number> {
  const subscriptions = mni.mm.notifiers!;
  while (subscriptions.invalidate_seq === seq) {
    yield* subscriptions.wq.sleep(mni.mm.kernel.executor, 'mmu_interval_read_begin');
  }
  return seq;
}

/** Under the driver's lock: whether the range has been invalidated since mmu_interval_read_begin(). */
export function mmu_interval_read_retry(mni: MmuIntervalNotifier, seq: number): boolean {
  return mni.invalidate_seq !== seq;
}

export function mmu_interval_set_seq(mni: MmuIntervalNotifier, curSeq: number): void {
  mni.invalidate_seq = curSeq;
}

function insertIntoTree(subscriptions: MmNotifiers, mni: MmuIntervalNotifier): void {
  mni.inTree = true;
  subscriptions.itree.push(mni);
}

function removeFromTree(subscriptions: MmNotifiers, mni: MmuIntervalNotifier): void {
  mni.inTree = false;
  subscriptions.itree.splice(subscriptions.itree.indexOf(mni), 1);
}

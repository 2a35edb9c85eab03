// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c: attributes of memory, set and asked. Fidelity: ported, without CRIU. */
import { refused } from '../../mm/reasons.js';
import { type MmStruct, VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import { EADDRINUSE, EFAULT, EINVAL, ENOMEM, EOVERFLOW } from '../../uapi/errno.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { svm_migrate_to_vram, svm_migrate_vram_to_ram } from './kfd_migrate.js';
import {
  bitsOf,
  type KfdProcess,
  kfd_process_gpuidx_from_gpuid,
  type SvmRange,
  svm_nodes_in_same_hive,
  svm_range_check_vm,
  svm_range_get_node_by_id,
} from './kfd_priv.js';
import { svm_range_validate_and_map } from './kfd_svm_map.js';
import {
  svm_range_add_notifier_locked,
  svm_range_list_lock_and_flush_work,
  svm_range_remove_notifier,
} from './kfd_svm_notifier.js';
import {
  svm_range_add_to_svms,
  svm_range_clone,
  svm_range_free,
  svm_range_new,
  svm_range_split,
  svm_range_unlink,
} from './kfd_svm_range.js';
import { interval_tree_overlaps } from './kfd_svm_tree.js';

type Attrs = readonly uapi.SvmAttribute[];

/** Pages that a PMD maps: where a split is no more than a split of those, the rest need not be mapped again. */
const PMD_PAGES = 512;

const GRANULARITY_MAX = 0x3f;

const UNDEFINED = uapi.KFD_IOCTL_SVM_LOCATION_UNDEFINED;
const SYSMEM = uapi.KFD_IOCTL_SVM_LOCATION_SYSMEM;

// --- what attributes may be ---------------------------------------------------------------------------------------

/** The GPU that an attribute names; null where it names none. */
function gpuNamed({ type, value }: uapi.SvmAttribute): number | null {
  switch (type) {
    case uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
      return value === SYSMEM || value === UNDEFINED ? null : value;
    case uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
      return value === SYSMEM ? null : value;
    case uapi.KFD_IOCTL_SVM_ATTR_ACCESS:
    case uapi.KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE:
    case uapi.KFD_IOCTL_SVM_ATTR_NO_ACCESS:
      return value;
    default:
      return null;
  }
}

/** Return: 0, or -EINVAL for an unknown attribute, an unknown GPU, or one without SVM. */
function svm_range_check_attr(p: KfdProcess, mm: MmStruct, start: number, attrs: Attrs): number {
  for (const attr of attrs) {
    if (attr.type > uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY) return -EINVAL;
    const gpu = gpuNamed(attr);
    if (gpu === null) continue;
    const gpuidx = kfd_process_gpuidx_from_gpuid(p, gpu);
    if (gpuidx < 0 || ((p.svms.bitmap_supported >>> gpuidx) & 1) === 0)
      return refused(mm, 'svm_range_check_attr', start * PAGE_SIZE, 'gpu-not-there', EINVAL);
  }
  return 0;
}

/** Return: whether GPUs have to map the range anew for it. */
function apply_attr(p: KfdProcess, prange: SvmRange, { type, value }: uapi.SvmAttribute): boolean {
  const bit = 1 << kfd_process_gpuidx_from_gpuid(p, value);
  switch (type) {
    case uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
      prange.preferred_loc = value;
      return false;
    case uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
      prange.prefetch_loc = value;
      return false;
    case uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY:
      prange.granularity = Math.min(value, GRANULARITY_MAX);
      return false;
    case uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS:
      prange.flags = (prange.flags | value) >>> 0;
      return true;
    case uapi.KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
      prange.flags = (prange.flags & ~value) >>> 0;
      return true;
    default:
      prange.bitmap_access &= ~bit;
      prange.bitmap_aip &= ~bit;
      if (type === uapi.KFD_IOCTL_SVM_ATTR_ACCESS) prange.bitmap_access |= bit;
      else if (type === uapi.KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE) prange.bitmap_aip |= bit;
      return !p.xnack_enabled;
  }
}

function svm_range_apply_attrs(p: KfdProcess, prange: SvmRange, attrs: Attrs): boolean {
  let update_mapping = false;
  for (const attr of attrs) update_mapping = apply_attr(p, prange, attr) || update_mapping;
  return update_mapping;
}

/** A prefetch is never what was there before: it moves pages. */
function has_attr(p: KfdProcess, prange: SvmRange, { type, value }: uapi.SvmAttribute): boolean {
  const bit = 1 << kfd_process_gpuidx_from_gpuid(p, value);
  switch (type) {
    case uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
      return prange.preferred_loc === value;
    case uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
      return false;
    case uapi.KFD_IOCTL_SVM_ATTR_ACCESS:
      return (prange.bitmap_access & bit) !== 0;
    case uapi.KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE:
      return (prange.bitmap_aip & bit) !== 0;
    case uapi.KFD_IOCTL_SVM_ATTR_NO_ACCESS:
      return ((prange.bitmap_access | prange.bitmap_aip) & bit) === 0;
    case uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS:
      return (prange.flags & value) >>> 0 === value;
    case uapi.KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
      return (prange.flags & value) === 0;
    default:
      return prange.granularity === value;
  }
}

function svm_range_is_same_attrs(p: KfdProcess, prange: SvmRange, attrs: Attrs): boolean {
  return attrs.every((attr) => has_attr(p, prange, attr));
}

/** Return: 0, -EFAULT where a page of the range has no ordinary mapping, -EADDRINUSE where a buffer is, -EINVAL, -EOVERFLOW. In pages. */
function svm_range_is_valid(p: KfdProcess, mm: MmStruct, start: number, size: number): number {
  const device_vma = VM_IO | VM_PFNMAP | VM_MIXEDMAP;
  if (size === 0) return -EINVAL;
  const end = (start + size) * PAGE_SIZE;
  if (end >= 2 ** 64) return -EOVERFLOW;
  for (let addr = start * PAGE_SIZE; addr < end; ) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null) return refused(mm, 'svm_range_is_valid', addr, 'no-vma', EFAULT);
    if ((vma.vm_flags & device_vma) !== 0)
      return refused(mm, 'svm_range_is_valid', addr, 'device-mapping', EFAULT);
    addr = Math.min(end, vma.vm_end);
  }
  return svm_range_check_vm(p, start, start + size - 1) === undefined ? 0 : -EADDRINUSE;
}

// --- ranges that change -----------------------------------------------------------------------------------------

/** What setting attributes does to the ranges of a process; each list in the order in which the kernel goes over it. */
interface Changes {
  readonly update_list: SvmRange[];
  readonly insert_list: SvmRange[];
  readonly remove_list: SvmRange[];
  readonly remap_list: SvmRange[];
  /** Ranges that are all new. */
  readonly new_list: SvmRange[];
}

/** New ranges for [start, last], none larger than may be. Return: 0 or -ENOMEM. */
function svm_range_split_new(p: KfdProcess, start: number, last: number, changes: Changes): number {
  const max = p.module.max_svm_range_pages;
  for (let first = start; first <= last; ) {
    const end = Math.min(last, first + max - (first % max) - 1);
    const prange = svm_range_new(p, first, end, true);
    if (prange === null) return -ENOMEM;
    changes.new_list.unshift(prange);
    changes.update_list.unshift(prange);
    first = end + 1;
  }
  return 0;
}

/** Whether a split at `at` (the first page behind it) goes through what one PMD of a GPU maps. `edge`: of the new range. */
function splits_pmd(start: number, last: number, at: number, edge: number): boolean {
  const from = Math.ceil(start / PMD_PAGES) * PMD_PAGES;
  const to = last - (last % PMD_PAGES);
  return to > from && at > from && at < to && edge % PMD_PAGES !== 0;
}

/** The range keeps what is in [start, last]; the rest, before and behind, are ranges of their own. */
function split_to(prange: SvmRange, start: number, last: number, changes: Changes): void {
  if (prange.start < start) {
    const { start: old, last: end } = prange;
    const head = svm_range_split(prange, start, end) as SvmRange;
    changes.insert_list.unshift(head);
    if (splits_pmd(old, end, head.last + 1, head.last)) changes.remap_list.unshift(head);
  }
  if (prange.last > last) {
    const { start: old, last: end } = prange;
    const tail = svm_range_split(prange, old, last) as SvmRange;
    changes.insert_list.unshift(tail);
    if (splits_pmd(old, end, tail.start, tail.start)) changes.remap_list.unshift(tail);
  }
}

/** Find the ranges of pages [start, start + size) that change, and make those that lack. Return: 0 or -ENOMEM. */
function* svm_range_add(
  p: KfdProcess,
  start: number,
  size: number,
  attrs: Attrs,
  changes: Changes,
): Task<number> {
  const last = start + size - 1;
  let r = 0;
  let from = start;
  for (const old of interval_tree_overlaps(p.svms, start, last)) {
    const { it_start, it_last } = old;
    if (svm_range_is_same_attrs(p, old, attrs) && old.mapped_to_gpu) {
      // Nothing to do.
    } else if (it_start < from || it_last > last) {
      const prange = svm_range_clone(old);
      changes.remove_list.unshift(old);
      changes.insert_list.unshift(prange);
      changes.update_list.unshift(prange);
      split_to(prange, from, last, changes);
    } else changes.update_list.unshift(old);
    if (it_start > from) r = svm_range_split_new(p, from, it_start - 1, changes);
    if (r !== 0) break;
    from = Math.min(it_last, last) + 1;
  }
  if (r === 0 && from <= last) r = svm_range_split_new(p, from, last, changes);
  if (r !== 0) {
    for (const prange of changes.insert_list) {
      svm_range_unlink(prange);
      yield* svm_range_free(prange, false);
    }
    for (const prange of changes.new_list) yield* svm_range_free(prange, true);
  } else changes.insert_list.unshift(...changes.new_list);
  return r;
}

// --- migration ----------------------------------------------------------------------------------------------------

/** Where a prefetch goes: the GPU that was asked for, but system memory where another one with access could not read there. */
function svm_range_best_prefetch_location(prange: SvmRange): number {
  const { process, prefetch_loc, bitmap_access, bitmap_aip } = prange;
  if (prefetch_loc === SYSMEM || prefetch_loc === UNDEFINED) return prefetch_loc;
  const bo_node = svm_range_get_node_by_id(prange, prefetch_loc);
  if (bo_node === null || bo_node.isApu) return SYSMEM;
  const bitmap = process.xnack_enabled ? bitmap_aip : bitmap_access | bitmap_aip;
  const reach = bitsOf(bitmap).every((gpuidx) => svm_nodes_in_same_hive(process.pdds[gpuidx]!.dev, bo_node));
  return reach ? prefetch_loc : SYSMEM;
}

/** Return: whether the range was migrated, or -errno; that VRAM is full is neither. */
function* svm_range_trigger_migration(mm: MmStruct, prange: SvmRange): Task<boolean | number> {
  const best_loc = svm_range_best_prefetch_location(prange);
  const trigger = uapi.KFD_MIGRATE_TRIGGER_PREFETCH;
  const { start, last } = prange;
  if (best_loc === UNDEFINED || (best_loc === SYSMEM && prange.actual_loc === 0)) return false;
  if (best_loc === SYSMEM) {
    const r = yield* svm_migrate_vram_to_ram(prange, mm, start, last, trigger);
    return r === 0 ? true : r;
  }
  return (yield* svm_migrate_to_vram(prange, best_loc, start, last, mm, trigger)) === 0;
}

/** Migrate one range of those whose attributes were set, and map it. Context: mmap_lock held for read, svms.lock. */
function* update_range(p: KfdProcess, mm: MmStruct, prange: SvmRange, update_mapping: boolean): Task<number> {
  yield* prange.migrate_mutex.mutex_lock('svm_range_set_attr');
  const migrated = yield* svm_range_trigger_migration(mm, prange);
  let r = 0;
  if (typeof migrated === 'number') r = migrated;
  else {
    const always = (prange.flags & uapi.KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED) !== 0;
    // Then the notifier has stopped the queues, and svm_range_restore_work() maps it again.
    const later = migrated && (!p.xnack_enabled || always) && prange.mapped_to_gpu;
    if (!later && (migrated || update_mapping)) {
      r = yield* svm_range_validate_and_map(mm, prange.start, prange.last, prange, -1);
    }
  }
  prange.migrate_mutex.mutex_unlock();
  return r;
}

function* remap_range(mm: MmStruct, prange: SvmRange): Task<number> {
  yield* prange.migrate_mutex.mutex_lock('svm_range_set_attr');
  const r = yield* svm_range_validate_and_map(mm, prange.start, prange.last, prange, -1);
  prange.migrate_mutex.mutex_unlock();
  return r;
}

/** The changes as one transaction. Context: mmap_lock held for write, svms.lock. Return: whether GPUs map ranges anew. */
function* apply_changes(p: KfdProcess, mm: MmStruct, attrs: Attrs, changes: Changes): Task<boolean> {
  const { insert_list, update_list, remove_list, remap_list } = changes;
  let update_mapping = false;
  for (const prange of insert_list) {
    svm_range_add_to_svms(prange);
    svm_range_add_notifier_locked(mm, prange);
  }
  for (const prange of update_list)
    update_mapping = svm_range_apply_attrs(p, prange, attrs) || update_mapping;
  for (const prange of remove_list) {
    svm_range_unlink(prange);
    yield* svm_range_remove_notifier(prange);
    yield* svm_range_free(prange, false);
  }
  return update_mapping || (!p.xnack_enabled && remap_list.length > 0);
}

/** In pages. Context: may sleep. Return: 0, -EINVAL, -EFAULT, -EADDRINUSE, -ENOMEM, -EAGAIN when the caller has to try again. */
function* svm_range_set_attr(
  p: KfdProcess,
  mm: MmStruct,
  start: number,
  size: number,
  attrs: Attrs,
): Task<number> {
  const err = svm_range_check_attr(p, mm, start, attrs);
  if (err !== 0) return err;
  const { svms, process_info } = p;
  if (process_info === null) return -EINVAL;
  yield* process_info.lock.mutex_lock('svm_range_set_attr');
  yield* svm_range_list_lock_and_flush_work(p, mm);
  let ret = svm_range_is_valid(p, mm, start, size);
  if (ret !== 0) mm.mmap_lock.up_write();
  else {
    yield* svms.lock.mutex_lock('svm_range_set_attr');
    const changes = { update_list: [], insert_list: [], remove_list: [], remap_list: [], new_list: [] };
    ret = yield* svm_range_add(p, start, size, attrs, changes);
    if (ret !== 0) {
      svms.lock.mutex_unlock();
      mm.mmap_lock.up_write();
    } else {
      const update_mapping = yield* apply_changes(p, mm, attrs, changes);
      mm.mmap_lock.downgrade_write();
      ret = yield* update_ranges(p, mm, changes, update_mapping);
      svms.lock.mutex_unlock();
      mm.mmap_lock.up_read();
    }
  }
  process_info.lock.mutex_unlock();
  return ret;
}

/** Return: 0, or what the last range answered that failed. */
function* update_ranges(
  p: KfdProcess,
  mm: MmStruct,
  { update_list, remap_list }: Changes,
  update_mapping: boolean,
): Task<number> {
  let ret = 0;
  for (const prange of update_list) {
    const r = yield* update_range(p, mm, prange, update_mapping);
    if (r !== 0) ret = r;
  }
  for (const prange of remap_list) {
    const r = yield* remap_range(mm, prange);
    if (r !== 0) ret = r;
  }
  return ret;
}

// --- asking -----------------------------------------------------------------------------------------------------

/** What several ranges have in common. */
interface Common {
  readonly preferred_loc: number;
  readonly prefetch_loc: number;
  readonly flags_and: number;
  readonly flags_or: number;
  readonly granularity: number;
  readonly bitmap_access: number;
  readonly bitmap_aip: number;
}

/** What all have alike; undefined as soon as two differ. */
function sameLocation(locations: readonly number[]): number {
  const [first = UNDEFINED] = locations;
  return locations.every((location) => location === first) ? first : UNDEFINED;
}

function common_attributes({ svms, xnack_enabled }: KfdProcess, start: number, last: number): Common {
  const ranges = interval_tree_overlaps(svms, start, last);
  const flags = uapi.KFD_IOCTL_SVM_FLAG_HOST_ACCESS | uapi.KFD_IOCTL_SVM_FLAG_COHERENT;
  if (ranges.length === 0) {
    return {
      preferred_loc: UNDEFINED,
      prefetch_loc: UNDEFINED,
      flags_and: flags,
      flags_or: flags,
      granularity: svms.default_granularity,
      bitmap_access: xnack_enabled ? svms.bitmap_supported : 0,
      bitmap_aip: 0,
    };
  }
  const all = (pick: (prange: SvmRange) => number, start: number): number =>
    ranges.reduce((bits, prange) => bits & pick(prange), start);
  return {
    preferred_loc: sameLocation(ranges.map(({ preferred_loc }) => preferred_loc)),
    prefetch_loc: sameLocation(ranges.map(({ prefetch_loc }) => prefetch_loc)),
    flags_and: all(({ flags }) => flags, -1) >>> 0,
    flags_or: ranges.reduce((bits, { flags }) => bits | flags, 0),
    granularity: Math.min(0xff, ...ranges.map(({ granularity }) => granularity)),
    bitmap_access: all(({ bitmap_access }) => bitmap_access, svms.bitmap_supported),
    bitmap_aip: all(({ bitmap_aip }) => bitmap_aip, svms.bitmap_supported),
  };
}

const ASKED = new Set([
  uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC,
  uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC,
  uapi.KFD_IOCTL_SVM_ATTR_ACCESS,
  uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS,
  uapi.KFD_IOCTL_SVM_ATTR_CLR_FLAGS,
  uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY,
]);

/** Fill an attribute in; of an access, its type says how. Return: 0, or -EINVAL for an unknown GPU. */
function fill_value(p: KfdProcess, attr: uapi.SvmAttribute, common: Common): number {
  switch (attr.type) {
    case uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
      attr.value = common.preferred_loc;
      return 0;
    case uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
      attr.value = common.prefetch_loc;
      return 0;
    case uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS:
      attr.value = common.flags_and;
      return 0;
    case uapi.KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
      attr.value = ~common.flags_or >>> 0;
      return 0;
    case uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY:
      attr.value = common.granularity;
      return 0;
    default: {
      const gpuidx = kfd_process_gpuidx_from_gpuid(p, attr.value);
      if (gpuidx < 0) return -EINVAL;
      attr.type = uapi.KFD_IOCTL_SVM_ATTR_NO_ACCESS;
      if (((common.bitmap_aip >>> gpuidx) & 1) !== 0) attr.type = uapi.KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE;
      if (((common.bitmap_access >>> gpuidx) & 1) !== 0) attr.type = uapi.KFD_IOCTL_SVM_ATTR_ACCESS;
      return 0;
    }
  }
}

/** In pages; answers are put into `attrs`. Context: may sleep. Return: 0, -EINVAL, -EFAULT. */
function* svm_range_get_attr(
  p: KfdProcess,
  mm: MmStruct,
  start: number,
  size: number,
  attrs: uapi.SvmAttribute[],
): Task<number> {
  yield* p.svms.deferred_list_work.flush_work();
  yield* mm.mmap_lock.down_read('svm_range_get_attr');
  const r = svm_range_is_valid(p, mm, start, size);
  mm.mmap_lock.up_read();
  if (r !== 0) return r;
  if (attrs.some(({ type }) => !ASKED.has(type))) return -EINVAL;
  yield* p.svms.lock.mutex_lock('svm_range_get_attr');
  const common = common_attributes(p, start, start + size - 1);
  p.svms.lock.mutex_unlock();
  for (const attr of attrs) {
    const err = fill_value(p, attr, common);
    if (err !== 0) return err;
  }
  return 0;
}

/** Bytes, page aligned. Context: `mm` is the caller's; may sleep. Return: 0 or -errno. */
export function* svm_ioctl(
  p: KfdProcess,
  mm: MmStruct,
  op: number,
  start: number,
  size: number,
  attrs: uapi.SvmAttribute[],
): Task<number> {
  const [first, pages] = [start / PAGE_SIZE, size / PAGE_SIZE];
  if (op === uapi.KFD_IOCTL_SVM_OP_SET_ATTR) return yield* svm_range_set_attr(p, mm, first, pages, attrs);
  if (op === uapi.KFD_IOCTL_SVM_OP_GET_ATTR) return yield* svm_range_get_attr(p, mm, first, pages, attrs);
  return -EINVAL;
}

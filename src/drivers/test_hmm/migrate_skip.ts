// SPDX-License-Identifier: GPL-2.0-only
/** Why test_hmm has no place for a page that could migrate, told to whoever listens. */
import type { MigrateVma } from '../../mm/migrate_vma.js';
import type { PlainReasonId } from '../../mm/reasons.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { has_free_page, is_cut_large } from './devmem.js';
import type { DmirrorDevice } from './dmirror.js';

/** Tell why entry `n` stays where it is. */
export function skip(args: MigrateVma, n: number, fn: string, id: PlainReasonId): void {
  const { vm_mm } = args.vma;
  if (vm_mm.kernel.trace === null) return;
  vm_mm.kernel.note({ event: 'skip', fn, mm: vm_mm, addr: args.start + n * PAGE_SIZE, reason: { id } });
}

/** Why dmirror_devmem_alloc_page() has answered NULL. */
export function why_no_page(mdevice: DmirrorDevice): PlainReasonId {
  const { nr_free_pages, watermarks } = mdevice.module.kernel.pages;
  if (nr_free_pages <= watermarks.min) return 'no-backing-memory';
  if (has_free_page(mdevice)) return 'chunk-result-inverted';
  return is_cut_large(mdevice) ? 'no-small-pages' : 'device-full';
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * How a range is collected is a value: the functions of kernels that migrate small pages, those of kernels that migrate whole huge
 * pages, beside them, and room for the next, which is made up here.
 */
import t from 'tap';
import type { Behaviours } from '../../src/generations/behaviours/index.js';
import { linux612 } from '../../src/generations/kernels/linux-6.12.js';
import { linux73 } from '../../src/generations/kernels/linux-7.3.js';
import { type CollectOps, migrate_vma_collect, smallPages } from '../../src/mm/migrate_device_collect.js';
import { wholeHugePages } from '../../src/mm/migrate_device_compound.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_SHIFT,
  MIGRATE_VMA_SELECT_COMPOUND,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  new_migrate_vma,
} from '../../src/mm/migrate_vma.js';
import { VM_HUGEPAGE } from '../../src/mm/types.js';
import { BASE, boot, mapAnon, pageAt, RW, run, touch } from './gup_kernel.js';

const PAGES = 1024;

/** A huge page, and 2 MiB of nothing. */
function rangeOn(behaviours: Behaviours): MigrateVma {
  const k = boot(behaviours);
  const vma = mapAnon(k.mm_alloc(), 0, PAGES, RW | VM_HUGEPAGE);
  touch(vma, 0);
  for (let at = 0; at < PAGES / 2; at++) k.contents.fill_page(pageAt(vma.vm_mm, at), 1);
  const flags = MIGRATE_VMA_SELECT_SYSTEM | MIGRATE_VMA_SELECT_COMPOUND;
  return new_migrate_vma({ vma, start: BASE, end: BASE + PAGES * 4096, pgmap_owner: {}, flags });
}

/** Entries by their flags: how many of each, in their order. */
function collected(args: MigrateVma, ops: CollectOps): string[] {
  run(args.vma.vm_mm.kernel, migrate_vma_collect(args, ops));
  const runs: { flags: number; count: number }[] = [];
  for (const entry of args.src.subarray(0, args.npages)) {
    const flags = entry & ((1 << MIGRATE_PFN_SHIFT) - 1);
    if (runs.at(-1)?.flags === flags) runs.at(-1)!.count++;
    else runs.push({ flags, count: 1 });
  }
  return runs.map(({ flags, count }) => `${flags} x${count}`);
}

t.test('small pages: a huge page is split, and a hole is as many entries as pages', async (t) => {
  const args = rangeOn(linux612.behaviours);
  t.strictSame(collected(args, smallPages), ['7 x512', '2 x512']);
  t.equal(args.cpages, PAGES);
});

t.test('whole huge pages: one entry, of a hole as well', async (t) => {
  const args = rangeOn(linux73.behaviours);
  t.strictSame(collected(args, wholeHugePages), ['15 x1', '0 x511', '10 x1', '0 x511']);
  t.equal(args.cpages, 2);
});

t.test('another collect stands beside them', async (t) => {
  const walked: string[] = [];
  const next: CollectOps = {
    *pmd_entry(migrate, _pmd, start, end) {
      walked.push(`entry ${(start - BASE) / 4096}`);
      yield* wholeHugePages.pmd_entry(migrate, _pmd, start, end);
    },
    pte_hole(migrate, start, end) {
      walked.push(`hole ${(start - BASE) / 4096}`);
      migrate.src[migrate.npages] = MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND;
      migrate.npages += (end - start) / 4096;
    },
  };
  t.strictSame(collected(rangeOn(linux73.behaviours), next), ['15 x1', '0 x511', '10 x1', '0 x511']);
  t.strictSame(walked, ['entry 0', 'hole 512']);
});

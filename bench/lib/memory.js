// SPDX-License-Identifier: GPL-2.0-only
/** A booted memory core without processes or driver, and one address space on it, for benchmarks of src/mm alone. */
import { linux612 } from '../../dist/generations/kernels/linux-6.12.js';
import { buildIomem, planPhysicalMemory } from '../../dist/mm/e820.js';
import { __mm_populate } from '../../dist/mm/gup.js';
import { HugetlbPool } from '../../dist/mm/hugetlb_pool.js';
import { Kernel } from '../../dist/mm/kernel.js';
import { do_mmap } from '../../dist/mm/mmap.js';
import { pmd_index, pmd_is_huge } from '../../dist/mm/pgtable.js';
import { Executor } from '../../dist/sim/executor.js';
import { RunToBlock } from '../../dist/sim/schedulers/run_to_block.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../dist/uapi/mman.js';

export const KiB = 2 ** 10;
export const MiB = 2 ** 20;
export const GiB = 2 ** 30;
export const PAGE = 4096;

const EFI_MEMORY_SP = 0x40000;

/**
 * A kernel with `memory` bytes of RAM and soft-reserved ranges for devices.
 *
 * @param {number} memory
 * @param {readonly { start: number, size: number }[]} [reserved]
 * @param {import('../../dist/generations/types.js').Generation} [generation]
 * @param {import('../../dist/mm/kernel.js').ThpMode} [thp]
 */
export function bootKernel(memory, reserved = [], generation = linux612, thp = 'madvise') {
  const efiFakeMem = reserved.map((range) => ({ ...range, attribute: EFI_MEMORY_SP }));
  const plan = planPhysicalMemory({ memory, efiFakeMem });
  const ram = plan.ram.map(({ start, size }) => ({
    pfn: start / PAGE,
    pages: Math.floor(size / (2 * MiB)) * 512,
  }));
  const executor = new Executor(new RunToBlock(1));
  const k = new Kernel(executor, generation.behaviours, buildIomem(plan), [ram], thp, null);
  k.hugetlb = new HugetlbPool(k, 0);
  return k;
}

/**
 * Run one task of the kernel to its end.
 *
 * @template T
 * @param {Kernel} k
 * @param {import('../../dist/sim/task.js').Task<T>} body
 * @returns {T}
 */
export function runTask(k, body) {
  const task = k.executor.spawn('bench', body, null);
  k.executor.runUntil(task, Number.POSITIVE_INFINITY);
  return /** @type {T} */ (task.result);
}

/**
 * Private anonymous memory of `bytes`.
 *
 * @param {import('../../dist/mm/types.js').MmStruct} mm
 * @param {number} bytes
 * @returns {number} its address
 */
export function mapAnonymous(mm, bytes) {
  const addr = runTask(
    mm.kernel,
    do_mmap(mm, {
      addr: 0,
      length: bytes,
      prot: PROT_READ | PROT_WRITE,
      flags: MAP_PRIVATE | MAP_ANONYMOUS,
      pgoff: 0,
      source: null,
      hugetlb: false,
    }),
  );
  if (addr < 0) throw new Error(`mmap of ${bytes} bytes failed: ${addr}`);
  return addr;
}

/** The word that fills page `n` of a buffer: never 0, so that no page counts as zero-filled. */
export const wordOf = (/** @type {number} */ n) => (Math.imul(n, 0x9e3779b1) | 1) >>> 0;

/**
 * Populate [addr, addr + bytes), and fill each page with a word of its own.
 *
 * @param {import('../../dist/mm/types.js').MmStruct} mm
 * @param {number} addr
 * @param {number} bytes
 */
export function populate(mm, addr, bytes) {
  const { contents } = mm.kernel;
  for (let done = 0; done < bytes; done += 2 * MiB) {
    const chunk = Math.min(2 * MiB, bytes - done);
    const err = runTask(mm.kernel, __mm_populate(mm, addr + done, chunk, false));
    if (err !== 0) throw new Error(`populating ${chunk} bytes failed: ${err}`);
    const first = done / PAGE;
    for (let n = 0; n < chunk / PAGE; n++)
      contents.fill_page(pageAt(mm, addr + done + n * PAGE), wordOf(first + n));
  }
}

/**
 * The page that the entry of `addr` names, present or not, of a huge page or a small one; 0 for none.
 *
 * @param {import('../../dist/mm/types.js').MmStruct} mm
 * @param {number} addr
 */
export function pageAt(mm, addr) {
  const pmd = mm.pt.pmdTable(addr);
  const i = pmd_index(addr);
  if (pmd !== null && pmd_is_huge(pmd, i)) return pmd.e[i] + ((addr / PAGE) & 511);
  const table = mm.pt.pteTable(addr);
  return table === null ? 0 : table[(addr / PAGE) & 511];
}

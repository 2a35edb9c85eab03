// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/proc/meminfo.c: /proc/meminfo. Fidelity: the lines of RAM and of huge pages only. */
import type { Kernel } from '../mm/kernel.js';
import { PAGE_SIZE, PMD_SIZE } from '../uapi/mman.js';
import type { FileOperations } from './file.js';
import { simple_read_from_buffer } from './libfs.js';

const kB = (pages: number): string => `${pages * 4} kB`;

function meminfo({ pages, hugetlb, num_poisoned_pages }: Kernel): string {
  const lines: [name: string, value: string][] = [
    ['MemTotal:', kB(pages.totalPages)],
    ['MemFree:', kB(pages.nr_free_pages)],
    ['HardwareCorrupted:', kB(num_poisoned_pages)],
    ['HugePages_Total:', `${hugetlb.nr_huge_pages}`],
    ['HugePages_Free:', `${hugetlb.free_huge_pages}`],
    ['HugePages_Rsvd:', `${hugetlb.resv_huge_pages}`],
    ['HugePages_Surp:', '0'],
    ['Hugepagesize:', kB(PMD_SIZE / PAGE_SIZE)],
  ];
  return lines
    .map(
      ([name, value]) =>
        `${name.padEnd(16)}${value.padStart((value.endsWith('kB') ? 27 : 24) - Math.max(16, name.length))}\n`,
    )
    .join('');
}

export const proc_meminfo_operations: FileOperations = {
  name: '/proc/meminfo',
  read: (file, mm, buf, count, pos) => simple_read_from_buffer(mm, buf, count, pos, meminfo(file.kernel)),
};

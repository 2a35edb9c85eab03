// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a device believes of an address space, its page table says: of the drivers that show their tables, each entry
 * names the page that holds the data of its address, with no more rights than the CPU has. One that does not is of a
 * driver that missed a notifier, or does not heed it.
 */
import type { DeviceEntry } from '../kernel/module.js';
import {
  is_device_exclusive_entry,
  PTE_PROTNONE,
  PTE_WRITE,
  pte_present,
  SWP_DEVICE_WRITE,
  swp_type,
} from '../mm/pgtable.js';
import { NO_PAGE } from '../sim/memmap.js';
import type { Census } from './census.js';
import { translate } from './tlb.js';
import { hex, violation } from './violation.js';

const NAME = 'device table';

export function check_device_tables(census: Census): void {
  for (const { view } of census.drivers) {
    for (const entry of view.entries?.() ?? []) {
      const wrong = disagreement(census, entry);
      if (wrong === null) continue;
      const { device, mm, addr, page, write } = entry;
      const what = `${census.show(page)}${write ? ' to write' : ''}`;
      throw violation(
        NAME,
        `${device.name}, mm ${mm.id}, ${hex(addr)}: the device has ${what}, but ${wrong}`,
      );
    }
  }
}

/** What the CPU's page table says instead; null when it agrees. */
function disagreement(census: Census, { mm, addr, page, write }: DeviceEntry): string | null {
  const cpu = translate(mm, addr);
  const { flags } = cpu;
  if (flags === 0 || cpu.page === NO_PAGE) return 'nothing is mapped';
  const present = pte_present(flags);
  if (present && (flags & PTE_PROTNONE) !== 0) return 'the mapping is PROT_NONE';
  if (cpu.page !== page && census.drivers.backingOf(cpu.page) !== page)
    return `${census.show(cpu.page)} is mapped`;
  if (is_device_exclusive_entry(flags)) return null;
  const writable = present ? (flags & PTE_WRITE) !== 0 : swp_type(flags) === SWP_DEVICE_WRITE;
  return write && !writable ? 'the mapping is read-only' : null;
}

// SPDX-License-Identifier: GPL-2.0-only
/** What one processor has cached of one address space's page tables; it believes it until it is told to forget. */
import { NO_PAGE, PAGE_SIZE, type Page } from './memmap.js';

const ENTRIES = 64;

export class Tlb {
  private readonly vpn = new Float64Array(ENTRIES).fill(-1);
  private readonly page = new Uint32Array(ENTRIES);
  private readonly writable = new Uint8Array(ENTRIES);

  /** The page that `vpn` (address / 4096) is known to map to, for the access asked; NO_PAGE on a miss. */
  lookup(vpn: number, write: boolean): Page {
    const i = vpn & (ENTRIES - 1);
    if (this.vpn[i] !== vpn || (write && this.writable[i] === 0)) return NO_PAGE;
    return this.page[i]!;
  }

  fill(vpn: number, page: Page, writable: boolean): void {
    const i = vpn & (ENTRIES - 1);
    this.vpn[i] = vpn;
    this.page[i] = page;
    this.writable[i] = writable ? 1 : 0;
  }

  forgetPage(addr: number): void {
    const vpn = Math.floor(addr / PAGE_SIZE);
    const i = vpn & (ENTRIES - 1);
    if (this.vpn[i] === vpn) this.vpn[i] = -1;
  }

  forgetRange(start: number, end: number): void {
    const first = Math.floor(start / PAGE_SIZE);
    const last = Math.ceil(end / PAGE_SIZE);
    if (last - first >= ENTRIES) {
      this.forgetAll();
      return;
    }
    for (let vpn = first; vpn < last; vpn++) {
      const i = vpn & (ENTRIES - 1);
      if (this.vpn[i] === vpn) this.vpn[i] = -1;
    }
  }

  forgetAll(): void {
    this.vpn.fill(-1);
  }

  /** Every translation that is cached, for the checkers. */
  *entries(): Generator<{ vpn: number; page: Page; writable: boolean }> {
    for (let i = 0; i < ENTRIES; i++) {
      const vpn = this.vpn[i]!;
      if (vpn >= 0) yield { vpn, page: this.page[i]!, writable: this.writable[i] === 1 };
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** All drivers of a machine, asked as one. */
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Device, DeviceAccess, Driver, Holder } from './module.js';

/** Shared: most pages are in no device's table. */
const NO_ACCESS: readonly DeviceAccess[] = [];

export class Drivers {
  /** In the order in which they came. */
  readonly #list: Driver[] = [];

  constructor(private readonly kernel: Kernel) {}

  [Symbol.iterator](): Iterator<Driver> {
    return this.#list.values();
  }

  add(driver: Driver): void {
    this.#list.push(driver);
  }

  remove(driver: Driver): void {
    this.#list.splice(this.#list.indexOf(driver), 1);
  }

  /** The device that came first; null where there is none. */
  first(): Device | null {
    for (const { view } of this.#list) {
      const [device] = view.devices ?? [];
      if (device !== undefined) return device;
    }
    return null;
  }

  /** The device of this name; null when there is none. */
  deviceNamed(name: string): Device | null {
    for (const { view } of this.#list) {
      const found = view.devices?.find((device) => device.name === name);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** The device whose memory `page` is; null for system memory. */
  deviceOf(page: Page): Device | null {
    if (!this.kernel.is_zone_device_page(page)) return null;
    for (const { view } of this.#list) {
      const device = view.deviceOf?.(page) ?? null;
      if (device !== null) return device;
    }
    return null;
  }

  /** The driver whose device has `page`; null for system memory. */
  driverOf(page: Page): Driver | null {
    if (!this.kernel.is_zone_device_page(page)) return null;
    return this.#list.find(({ view }) => (view.deviceOf?.(page) ?? null) !== null) ?? null;
  }

  /** The page of system memory that holds the contents of a device page in use; NO_PAGE when the page does. */
  backingOf(page: Page): Page {
    return this.driverOf(page)?.view.backingOf?.(page) ?? NO_PAGE;
  }

  /** What each device may do at the page-aligned `addr` without a fault. */
  accesses(mm: MmStruct, addr: number): readonly DeviceAccess[] {
    let found = NO_ACCESS;
    for (const { view } of this.#list) {
      const more = view.accesses?.(mm, addr) ?? NO_ACCESS;
      if (more.length > 0) found = found.length === 0 ? more : [...found, ...more];
    }
    return found;
  }

  /** Whether the device page table of an open file of `device` has `addr`. */
  knows(device: Device, file: number, addr: number): boolean {
    const driver = this.#list.find(({ view }) => view.devices?.includes(device));
    return driver?.view.knows?.(file, addr) ?? false;
  }

  /** Who keeps the folio, pinned or not, between system calls; null for nobody. */
  holderOf(folio: Page): Holder | null {
    for (const { view } of this.#list) {
      const holder = view.holderOf?.(folio) ?? null;
      if (holder !== null) return holder;
    }
    return null;
  }

  /** Who holds the folio's lock between system calls; null for nobody. */
  lockerOf(folio: Page): Holder | null {
    for (const { view } of this.#list) {
      const holder = view.lockerOf?.(folio) ?? null;
      if (holder !== null) return holder;
    }
    return null;
  }

  openFiles(): number {
    return this.#list.reduce((sum, { view }) => sum + (view.openFiles?.() ?? 0), 0);
  }
}

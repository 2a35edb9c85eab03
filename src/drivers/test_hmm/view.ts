// SPDX-License-Identifier: GPL-2.0-only
/** test_hmm seen from outside: whose page it is, and what the device page tables say. */
import type { Device, DeviceAccess, DriverView } from '../../kernel/module.js';
import { is_device_private_page } from '../../mm/memremap.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { dmirror_page_to_device } from './devmem.js';
import type { DmirrorModule } from './dmirror.js';
import { DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE, xa_tag, xa_untag_page } from './xarray.js';

const RANK = { r: 0, rw: 1, a: 2 } as const;

function accessOf(entry: number): DeviceAccess['access'] {
  const tag = xa_tag(entry);
  if (tag === DPT_XA_TAG_WRITE) return 'rw';
  return tag === DPT_XA_TAG_ATOMIC ? 'a' : 'r';
}

export class TestHmmView implements DriverView {
  readonly devices: readonly Device[];

  constructor(private readonly module: DmirrorModule) {
    this.devices = module.devices.map(({ name, minor }) => ({
      name,
      minor,
      migrate_to_ram: 'dmirror_devmem_fault',
    }));
  }

  deviceOf(page: Page): Device | null {
    const mdevice = dmirror_page_to_device(this.module.kernel, page);
    return mdevice === null ? null : this.devices[mdevice.minor]!;
  }

  backingOf(page: Page): Page {
    const { kernel: k } = this.module;
    return k.behaviour.genericHasBackingPage || is_device_private_page(k, page) ? k.mem.priv[page]! : NO_PAGE;
  }

  accesses(mm: MmStruct, addr: number): DeviceAccess[] {
    let best: Map<number, DeviceAccess['access']> | undefined;
    for (const mirror of this.module.mirrors) {
      if (mirror === null || mirror.notifier.mm !== mm) continue;
      const entry = mirror.pt.xa_load(addr / PAGE_SIZE);
      if (xa_untag_page(entry) === NO_PAGE) continue;
      const access = accessOf(entry);
      const { minor } = mirror.mdevice;
      best ??= new Map();
      const known = best.get(minor);
      if (known === undefined || RANK[access] > RANK[known]) best.set(minor, access);
    }
    if (best === undefined) return [];
    return [...best]
      .sort(([a], [b]) => a - b)
      .map(([minor, access]) => ({ device: this.devices[minor]!, access }));
  }

  knows(file: number, addr: number): boolean {
    const mirror = this.module.mirrors[file] ?? null;
    return mirror !== null && xa_untag_page(mirror.pt.xa_load(addr / PAGE_SIZE)) !== NO_PAGE;
  }

  openFiles(): number {
    return this.module.mirrors.filter((mirror) => mirror !== null).length;
  }
}

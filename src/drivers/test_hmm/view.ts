// SPDX-License-Identifier: GPL-2.0-only
/** test_hmm seen from outside: whose page it is, and what the device page tables say. */
import type { Device, DeviceAccess, DriverView } from '../../kernel/module.js';
import { is_device_private_page } from '../../mm/memremap.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { backing_of } from './backing.js';
import { dmirror_page_to_device } from './devmem.js';
import type { DmirrorModule } from './dmirror.js';
import { DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE, xa_tag, xa_untag_page } from './xarray.js';

const RANK = { r: 0, rw: 1, a: 2 } as const;

const NONE: readonly DeviceAccess[] = [];

/** `list` with `one`, by minor; of one device, the access that allows more. */
function best(list: readonly DeviceAccess[], one: DeviceAccess): readonly DeviceAccess[] {
  const known = list.find(({ device }) => device === one.device);
  if (known !== undefined && RANK[known.access] >= RANK[one.access]) return list;
  const others = list.filter(({ device }) => device !== one.device);
  return [...others, one].sort((a, b) => a.device.minor - b.device.minor);
}

function accessOf(entry: number): DeviceAccess['access'] {
  const tag = xa_tag(entry);
  if (tag === DPT_XA_TAG_WRITE) return 'rw';
  return tag === DPT_XA_TAG_ATOMIC ? 'a' : 'r';
}

export class TestHmmView implements DriverView {
  readonly devices: readonly Device[];
  /** By minor and access, a list of that alone: whoever asks of many pages gets the same few. */
  readonly #accesses: readonly Readonly<Record<DeviceAccess['access'], readonly DeviceAccess[]>>[];

  constructor(private readonly module: DmirrorModule) {
    this.devices = module.devices.map(({ name, minor }) => ({
      name,
      minor,
      migrate_to_ram: 'dmirror_devmem_fault',
    }));
    this.#accesses = this.devices.map((device) => ({
      r: [{ device, access: 'r' }],
      rw: [{ device, access: 'rw' }],
      a: [{ device, access: 'a' }],
    }));
  }

  deviceOf(page: Page): Device | null {
    const mdevice = dmirror_page_to_device(this.module.kernel, page);
    return mdevice === null ? null : this.devices[mdevice.minor]!;
  }

  backingOf(page: Page): Page {
    const { kernel: k } = this.module;
    return k.behaviour.genericHasBackingPage || is_device_private_page(k, page)
      ? backing_of(k, page)
      : NO_PAGE;
  }

  accesses(mm: MmStruct, addr: number): readonly DeviceAccess[] {
    let found = NONE;
    for (const mirror of this.module.mirrors) {
      if (mirror === null || mirror.notifier.mm !== mm) continue;
      const entry = mirror.pt.xa_load(addr / PAGE_SIZE);
      if (xa_untag_page(entry) === NO_PAGE) continue;
      const one = this.#accesses[mirror.mdevice.minor]![accessOf(entry)];
      found = found.length === 0 ? one : best(found, one[0]!);
    }
    return found;
  }

  knows(file: number, addr: number): boolean {
    const mirror = this.module.mirrors[file] ?? null;
    return mirror !== null && xa_untag_page(mirror.pt.xa_load(addr / PAGE_SIZE)) !== NO_PAGE;
  }

  openFiles(): number {
    return this.module.mirrors.filter((mirror) => mirror !== null).length;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c BACKING_PAGE(). Fidelity: ported. */
import type { Kernel } from '../../mm/kernel.js';
import { is_device_private_page } from '../../mm/memremap.js';
import { compound_head } from '../../mm/page_flags.js';
import type { Page } from '../../sim/memmap.js';
import type { DmirrorDevice } from './dmirror.js';

/** BACKING_PAGE(): where the contents of a device page are, which may be one of a large folio. */
export function BACKING_PAGE(mdevice: DmirrorDevice, page: Page): Page {
  const k = mdevice.module.kernel;
  return is_device_private_page(k, page) ? backing_of(k, page) : page;
}

/** The system page behind a device page that has one. */
export function backing_of(k: Kernel, page: Page): Page {
  const head = compound_head(k.mem, page);
  return k.mem.priv[head]! + (page - head);
}

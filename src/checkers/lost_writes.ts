// SPDX-License-Identifier: GPL-2.0-only
/** What a device has written stays: its driver marks the page as dirty, before reclaim takes it for what its file is without it. */
import { lostWrites } from '../kernel/outside.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

export function check_lost_writes({ k }: Census): void {
  const [lost] = lostWrites(k);
  if (lost === undefined) return;
  throw violation(
    'lost write',
    `reclaim has dropped a page as clean that nobody marked with set_page_dirty(): ${lost}`,
  );
}

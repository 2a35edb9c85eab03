// SPDX-License-Identifier: GPL-2.0-only
/** Reasons in words, whichever driver they are of. */
import type { About, Reason, ReasonEntry } from '../mm/reasons.js';
import { reasons } from './registry.js';

// The entry of an id takes the reason of that id, which the type of the whole table cannot say.
const entryOf = ({ id }: Reason): ReasonEntry<Reason> => reasons[id] as ReasonEntry<Reason>;

export function reasonText(reason: Reason): string {
  const { text } = entryOf(reason);
  return typeof text === 'string' ? text : text(reason);
}

/** What the reason is about. */
export function reasonAbout(reason: Reason): About {
  return entryOf(reason).about;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Who keeps a page between system calls, as explanations name him. */
import type { Machine } from '../machine/machine.js';
import type { PageState } from '../watch/observe.js';
import type { Finding } from './verdict.js';

/** "gup_test p0"; undefined where nobody keeps the folio. */
export function holderName(machine: Machine, { folio }: PageState): string | undefined {
  const held = machine.drivers.holderOf(folio);
  if (held === null) return undefined;
  const owner = machine.processOf(held.mm);
  return owner === undefined ? held.name : `${held.name} ${owner.name}`;
}

/** What became of a page, and who keeps the one that it was before. Context: right after it did. */
export function withHolder(machine: Machine, before: PageState, finding: Finding): Finding {
  if (finding.id !== 'copied-on-write') return finding;
  const holder = holderName(machine, before);
  return holder === undefined ? finding : { ...finding, holder };
}

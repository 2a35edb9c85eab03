// SPDX-License-Identifier: GPL-2.0-only
/** Who keeps a page between system calls, or its lock, as explanations name him. */
import type { Holder } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import { reasonAbout } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import type { PageState } from '../watch/observe.js';
import type { Beside, Finding, Why } from './verdict.js';

/** "gup_test p0"; nothing where it is nobody. */
function named(machine: Machine, held: Holder | null): Beside {
  if (held === null) return {};
  const owner = machine.processOf(held.mm);
  return { holder: owner === undefined ? held.name : `${held.name} ${owner.name}` };
}

/** Who is in the way, where the reason is that somebody is. */
export function besideOf(machine: Machine, reason: Reason, { folio }: PageState): Beside {
  const about = reasonAbout(reason);
  if (about === 'lock') return named(machine, machine.drivers.lockerOf(folio));
  return about === 'references' ? named(machine, machine.drivers.holderOf(folio)) : {};
}

/** What became of a page, and who keeps the one that it was before. Context: right after it did. */
export function withHolder(machine: Machine, before: PageState, finding: Finding): Finding {
  if (finding.id !== 'copied-on-write') return finding;
  return { ...finding, ...named(machine, machine.drivers.holderOf(before.folio)) };
}

/** The same for what a fault came to, which may have left the page where it was. */
export function withKeeper(machine: Machine, before: PageState, why: Why): Why {
  if (why.id === 'copied-on-write') return withHolder(machine, before, why);
  if (!('stays' in why)) return why;
  return { ...why, ...besideOf(machine, why, before) };
}

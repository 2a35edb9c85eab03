// SPDX-License-Identifier: GPL-2.0-only
/** Why each page of a command did or did not do what was asked: the verdict, who decided, and the reason. */

import { kernelName } from '../generations/names.js';
import type { CommandKind } from '../kernel/driver-events.js';
import type { Machine } from '../machine/machine.js';
import { reasonAbout } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { NameAddress } from '../scenario/place.js';
import type { Spelling } from '../scenario/spelling.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Call } from '../watch/call-watch.js';
import { type PageState, pagePlace } from '../watch/observe.js';
import { type Decision, decided, transition } from './fault.js';
import { besideOf, withHolder } from './held.js';
import { eventsOf, hasEventsAlike, isGone, last, stopIndex } from './page-events.js';
import { type Finding, NO_VERDICTS, type PageVerdict, Verdicts, type Why } from './verdict.js';

export interface ExplainContext {
  readonly machine: Machine;
  readonly spelling: Spelling;
  readonly nameOf: NameAddress;
}

/** The reason that the core gave, with what it leaves unsaid: on which device, held by whom. */
export function toldOf(context: Pick<ExplainContext, 'machine'>, reason: Reason, before: PageState): Why {
  if (reasonAbout(reason) === 'device' && before.device !== null) {
    return { ...reason, device: before.device.name };
  }
  return { ...reason, ...besideOf(context.machine, reason, before) };
}

// --- commands -----------------------------------------------------------------------------------------------

const isRestored = (
  event: TraceEvent,
): event is TraceEventOf<'remove_migration_pte' | 'remove_migration_pmd'> =>
  event.event === 'remove_migration_pte' || event.event === 'remove_migration_pmd';

/** Is this the move of a page, and not its return to where it was? */
function isMove(event: TraceEvent): boolean {
  if (isRestored(event)) return event.args.from !== event.page;
  return event.event === 'migrate_vma_insert_page';
}

function explainMigrate(context: ExplainContext, call: Call, index: number): Decision {
  const before = call.before.at(index);
  const events = eventsOf(call, index);
  const moved = events.find(isMove);
  if (moved !== undefined && isRestored(moved))
    return decided('migrated', 'migrate_vma_pages', { id: 'moved' });
  if (moved !== undefined) {
    // A subpage that holds only zeros becomes the zero page when its THP is split.
    const split = before.where === 'system' ? ({ split: true } as const) : {};
    return decided('migrated', moved.fn, { id: 'moved', ...split });
  }
  const skip = last(events, 'skip');
  if (skip !== undefined) return decided('stays', skip.fn, toldOf(context, skip.reason, before));
  if (call.ret === undefined || isGone(call) || stopsBefore(call, index)) return notReached(context, call);
  if (!call.command.toDevice && (before.where === 'none' || before.where === 'zero')) {
    return decided('stays', call.command.fn, { id: 'nothing-to-bring-back' });
  }
  return decided('stays', '', { id: 'as-it-was' });
}

function stopsBefore(call: Call, index: number): boolean {
  const stop = stopIndex(call);
  return stop >= 0 && stop <= index;
}

function notReached({ nameOf }: ExplainContext, call: Call): Decision {
  if (call.ret === undefined) return decided('not reached', '', { id: 'kernel-died' });
  if (isGone(call)) return decided('not reached', '', { id: 'address-space-gone' });
  const stop = stopIndex(call);
  if (stop < 0) return decided('not reached', '', { id: 'pages-before-stay' });
  return decided('not reached', '', { id: 'stopped-at', page: nameOf(call.addr + stop * PAGE_SIZE) });
}

const became = ({ machine }: ExplainContext, before: PageState, after: PageState): Finding =>
  withHolder(machine, before, transition(before, after));

function explainAccess(context: ExplainContext, call: Call, index: number): Decision {
  const events = eventsOf(call, index);
  const [before, after] = [call.before.at(index), call.after.at(index)];
  const failed = last(events, 'hmm_fault_failed');
  if (failed !== undefined && call.ret !== 0 && stopIndex(call) === index) {
    return decided('fails', failed.fn, failed.reason);
  }
  const moved = last(events, 'device_migration');
  const done = call.ret !== 0 ? 'faulted in' : call.command.does === 'write' ? 'written' : 'read';
  if (moved !== undefined && moved.args.to_device === 1) {
    return decided(done, moved.fn, { id: 'moved-by', by: moved.args.by });
  }
  if (last(events, 'device_fault') !== undefined) {
    return decided(done, 'hmm_range_fault', became(context, before, after));
  }
  const known = call.knownBefore[index]!;
  if (call.ret === 0 || (known && !stopsBefore(call, index))) {
    return decided(call.ret === 0 ? done : 'known', call.command.fn, { id: 'in-device-table' });
  }
  if (stopIndex(call) > index) {
    const same = before.page === after.page && before.pte === after.pte;
    return decided(same ? 'looked at' : 'faulted in', 'hmm_range_fault', became(context, before, after));
  }
  return notReached(context, call);
}

function explainExclusive(context: ExplainContext, call: Call, index: number): Decision {
  const events = eventsOf(call, index);
  const before = call.before.at(index);
  if (last(events, 'make_device_exclusive') !== undefined) {
    const id = before.where === 'system' ? 'made-exclusive' : 'moved-exclusive';
    return decided('exclusive', 'make_device_exclusive_range', { id });
  }
  const skip = last(events, 'skip') ?? last(events, 'gup_stopped');
  if (skip === undefined) return notReached(context, call);
  return decided('stays', skip.fn, toldOf(context, skip.reason, before));
}

// --- snapshots ----------------------------------------------------------------------------------------------

function walker({ level, vma, where }: PageState): string {
  if (vma?.backing === 'hugetlb') {
    return level === 'hole' ? 'hmm_vma_walk_hole' : 'hmm_vma_walk_hugetlb_entry';
  }
  if (level === 'pmd') return where === 'private' ? 'hmm_vma_handle_absent_pmd' : 'hmm_vma_handle_pmd';
  return level === 'pte' ? 'hmm_vma_handle_pte' : 'hmm_vma_walk_hole';
}

/** What hmm_range_fault() saw in the entry, and which of its functions did. */
function seen(
  state: PageState,
  { device }: Call,
  refused: boolean,
  anyOwner: boolean,
): readonly [fn: string, reason: Why] {
  if (state.vma === null) return ['hmm_vma_walk_hole', { id: 'no-vma' }];
  if (!state.vma.read) return ['hmm_vma_walk_test', { id: 'vma-not-readable' }];
  const fn = walker(state);
  // A huge page of another device is an error entry, too.
  const foreign = state.where === 'private' && state.level === 'pmd';
  if (refused && !foreign) return ['hmm_vma_walk_test', { id: 'special-mapping' }];
  if (state.where === 'private' && state.device !== device && !anyOwner)
    return [fn, { id: 'remote-not-faulted' }];
  if (
    state.where === 'exclusive' ||
    state.where === 'migrating' ||
    state.where === 'swapped' ||
    state.where === 'hwpoison'
  ) {
    return [fn, { id: 'entry-not-faulted', pte: state.pte }];
  }
  return [fn, state.pte.startsWith('PROT_NONE') ? { id: 'seen', protNone: true } : { id: 'seen' }];
}

function explainSnapshot(context: ExplainContext, call: Call, index: number): Decision {
  const entry = last(eventsOf(call, index), 'device_entry');
  if (entry === undefined) return notReached(context, call);
  const { driversUseMirrors } = context.machine.generation.behaviours;
  const [fn, reason] = seen(call.after.at(index), call, entry.refused, driversUseMirrors);
  return decided(context.spelling.permission(entry.args.perm), fn, reason);
}

type Explain = (context: ExplainContext, call: Call, index: number) => Decision;

/** What is to be told of each page of a command; null where it is not about pages one by one. */
const EXPLAIN: Readonly<Record<CommandKind, Explain | null>> = {
  migrate: explainMigrate,
  read: explainAccess,
  write: explainAccess,
  snapshot: explainSnapshot,
  exclusive: explainExclusive,
  'check-exclusive': null,
};

/** One verdict a page, for the pages that have a state; none for commands that have no pages. */
export function explainCall(context: ExplainContext, call: Call): Verdicts {
  const { does } = call.command;
  const explain = does === null ? null : EXPLAIN[does];
  if (explain === null) return NO_VERDICTS;
  const { version } = context.machine.generation;
  const make = (index: number): PageVerdict => {
    const { verdict, fn, reason } = explain(context, call, index);
    const page = context.nameOf(call.addr + index * PAGE_SIZE);
    const [from, to] = [call.before, call.after].map((states) => pagePlace(states.at(index)));
    return { page, verdict, fn: kernelName(fn, version), reason, from: from!, to: to! };
  };
  const stop = stopIndex(call);
  return new Verdicts(call.before.length, make, (index) => areAlike(call, index, stop));
}

/** Whether the command did to page `index` what it did to the one before it. `stop`: where it ended, or -1. */
function areAlike(call: Call, index: number, stop: number): boolean {
  const { before, after, knownBefore } = call;
  const stays = (i: number): boolean => before.page(i) === after.page(i);
  return (
    before.isAlike(index) &&
    after.isAlike(index) &&
    stays(index) === stays(index - 1) &&
    knownBefore[index] === knownBefore[index - 1] &&
    index !== stop &&
    index !== stop + 1 &&
    hasEventsAlike(call, index)
  );
}

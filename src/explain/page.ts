// SPDX-License-Identifier: GPL-2.0-only
/** Why each page of a command did or did not do what was asked: the verdict, who decided, and the reason. */

import { kernelName } from '../generations/names.js';
import type { Device } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import { type TraceEvent, tracedPages } from '../mm/trace.js';
import type { NameAddress } from '../scenario/place.js';
import type { Spelling } from '../scenario/spelling.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { HMM_DMIRROR_PROT_ERROR } from '../uapi/test_hmm_uapi.js';
import type { Call } from '../watch/call-watch.js';
import { type PageState, placeText } from '../watch/observe.js';
import { decided, transition, type Verdict } from './fault.js';

export interface ExplainContext {
  readonly machine: Machine;
  readonly spelling: Spelling;
  readonly nameOf: NameAddress;
}

// --- events of a page ---------------------------------------------------------------------------------------

/** The events of a command that concern page `index` of it, in their order. */
function eventsOf(call: Call, index: number): TraceEvent[] {
  const addr = call.addr + index * 4096;
  const { page, folio } = call.before[index]!;
  return eventIndex(call)
    .near(addr, page, folio)
    .filter((event) => {
      if (event.addr === undefined) return true;
      if (event.mm !== undefined && event.mm !== call.mm) return false;
      return event.addr <= addr && addr < event.addr + tracedPages(event) * 4096;
    });
}

/** Finds the events of a page without looking at all of them: a command may have many of both. */
class EventIndex {
  /** Events by what they name: an address, or the negated number of a page; 0 for those of whole ranges. */
  readonly #places = new Map<number, number[]>();

  constructor(private readonly events: readonly TraceEvent[]) {
    for (const [i, event] of events.entries()) {
      const { addr, page = NO_PAGE } = event;
      const key = addr === undefined ? -page : tracedPages(event) === 1 ? addr : 0;
      const at = this.#places.get(key);
      if (at === undefined) this.#places.set(key, [i]);
      else at.push(i);
    }
  }

  near(addr: number, page: Page, folio: Page): TraceEvent[] {
    const keys = new Set([addr, 0, ...(page === NO_PAGE ? [] : [-page, -folio])]);
    const found = [...keys].flatMap((key) => this.#places.get(key) ?? []);
    const own = found.map((i) => [i, this.events[i]!] as const).sort(([a], [b]) => a - b);
    // Key 0 also has the events that name nothing.
    return own
      .map(([, event]) => event)
      .filter((event) => event.addr !== undefined || (event.page ?? NO_PAGE) !== NO_PAGE);
  }
}

const indices = new WeakMap<Call, EventIndex>();

function eventIndex(call: Call): EventIndex {
  let index = indices.get(call);
  if (index === undefined) {
    index = new EventIndex(call.events);
    indices.set(call, index);
  }
  return index;
}

function last(events: readonly TraceEvent[], name: string): TraceEvent | undefined {
  return events.filter(({ event }) => event === name).at(-1);
}

/** Who holds the folio, where that is known. */
function holder({ machine }: ExplainContext, state: PageState): string {
  const held = machine.drivers.holderOf(state.folio);
  if (held === null) return '';
  const owner = machine.processOf(held.mm);
  return `, held by ${held.name}${owner === undefined ? '' : ` ${owner.name}`}`;
}

/** The reason that the core gave, with what it leaves unsaid: on which device, held by whom. */
function reasonOf(context: ExplainContext, { reason = '' }: TraceEvent, before: PageState): string {
  if (reason.startsWith('pinned') || reason.startsWith('THP split failed')) {
    return `${reason}${holder(context, before)}`;
  }
  const onDevice = before.device !== null && /^(wrong owner|device |generic |page already)/.test(reason);
  return onDevice ? `${reason}: on ${before.device!.name}` : reason;
}

// --- commands -----------------------------------------------------------------------------------------------

const MOVES = new Set(['remove_migration_pte', 'migrate_vma_insert_page']);

function explainMigrate(context: ExplainContext, call: Call, index: number): Verdict {
  const before = call.before[index]!;
  const events = eventsOf(call, index);
  const moved = events.find(
    ({ event, page, args }) => MOVES.has(event) && (args?.from === undefined || args.from !== page),
  );
  if (moved !== undefined) {
    const fn = moved.event === 'remove_migration_pte' ? 'migrate_vma_pages' : moved.fn;
    // A subpage that holds only zeros becomes the zero page when its THP is split.
    const split = fn === moved.fn && before.where === 'system' ? ', split and zero-filled' : '';
    return decided('migrated', fn, `${placeText(before)}${split} -> ${placeText(call.after[index]!)}`);
  }
  const skip = last(events, 'skip');
  if (skip !== undefined) return decided('stays', skip.fn, reasonOf(context, skip, before));
  if (call.ret === undefined || isGone(call) || stopsBefore(call, index)) return notReached(context, call);
  if (!call.toDevice && (before.where === 'none' || before.where === 'zero')) {
    return decided(
      'stays',
      'dmirror_devmem_fault_alloc_and_copy',
      `${placeText(before)}: nothing to bring back`,
    );
  }
  return decided('stays', '', placeText(before));
}

/** Index of the page that ended the command with an error; -1 when none did. */
function stopIndex(call: Call): number {
  if (call.ret === 0) return -1;
  const stop = call.events.filter(isStop).at(-1);
  return stop?.addr === undefined ? -1 : (stop.addr - call.addr) / 4096;
}

const STOPS = new Set([
  'dmirror_migrate',
  'dmirror_migrate_to_device',
  'dmirror_migrate_to_system',
  'migrate_vma_setup',
]);

function isStop({ event, fn }: TraceEvent): boolean {
  return event === 'hmm_fault_failed' || event === 'gup_stopped' || (event === 'skip' && STOPS.has(fn));
}

const GONE = 'the mirrored address space is gone';

function isGone(call: Call): boolean {
  return call.ret !== 0 && call.mm.mm_users === 0;
}

function stopsBefore(call: Call, index: number): boolean {
  const stop = stopIndex(call);
  return stop >= 0 && stop <= index;
}

function notReached({ nameOf }: ExplainContext, call: Call): Verdict {
  if (call.ret === undefined) return decided('not reached', '', 'the kernel died before');
  if (isGone(call)) return decided('not reached', '', GONE);
  const stop = stopIndex(call);
  const reason = stop < 0 ? 'pages before stay' : `stopped at ${nameOf(call.addr + stop * 4096)}`;
  return decided('not reached', '', reason);
}

function explainAccess(context: ExplainContext, call: Call, index: number): Verdict {
  const write = call.cmd === 'WRITE';
  const events = eventsOf(call, index);
  const [before, after] = [call.before[index]!, call.after[index]!];
  const failed = last(events, 'hmm_fault_failed');
  if (failed !== undefined && call.ret !== 0 && stopIndex(call) === index) {
    return decided('fails', failed.fn, failed.reason ?? '');
  }
  const done = call.ret !== 0 ? 'faulted in' : write ? 'written' : 'read';
  if (last(events, 'dmirror_do_fault') !== undefined) {
    return decided(done, 'hmm_range_fault', transition(before, after));
  }
  const fn = write ? 'dmirror_do_write' : 'dmirror_do_read';
  const known = call.knownBefore[index]!;
  if (call.ret === 0 || (known && !stopsBefore(call, index))) {
    return decided(call.ret === 0 ? done : 'known', fn, `in the device table already: ${placeText(after)}`);
  }
  if (stopIndex(call) > index) {
    const same = before.page === after.page && before.pte === after.pte;
    return decided(same ? 'looked at' : 'faulted in', 'hmm_range_fault', transition(before, after));
  }
  return notReached(context, call);
}

function explainExclusive(context: ExplainContext, call: Call, index: number): Verdict {
  const events = eventsOf(call, index);
  const [before, after] = [call.before[index]!, call.after[index]!];
  if (last(events, 'make_device_exclusive') !== undefined) {
    const was = before.where === 'system' ? '' : `${placeText(before)} -> `;
    return decided('exclusive', 'make_device_exclusive_range', `${was}${placeText(after)}`);
  }
  const skip = last(events, 'skip') ?? last(events, 'gup_stopped');
  if (skip === undefined) return notReached(context, call);
  return decided('stays', skip.fn, reasonOf(context, skip, before));
}

// --- snapshots ----------------------------------------------------------------------------------------------

function walker({ level, vma }: PageState): string {
  if (vma?.backing === 'hugetlb') {
    return level === 'hole' ? 'hmm_vma_walk_hole' : 'hmm_vma_walk_hugetlb_entry';
  }
  if (level === 'pmd') return 'hmm_vma_handle_pmd';
  return level === 'pte' ? 'hmm_vma_handle_pte' : 'hmm_vma_walk_hole';
}

/** What hmm_range_fault() saw in the entry, and which of its functions did. */
function seen(state: PageState, device: Device, perm: number): readonly [fn: string, reason: string] {
  if (state.vma === null) return ['hmm_vma_walk_hole', 'no VMA'];
  if (!state.vma.read) return ['hmm_vma_walk_test', 'VMA is not readable'];
  if (perm === HMM_DMIRROR_PROT_ERROR) return ['hmm_vma_walk_test', 'special mapping'];
  const fn = walker(state);
  if (state.where === 'private' && state.device !== device) {
    return [fn, `wrong owner, and a snapshot faults nothing in: ${placeText(state)}`];
  }
  if (state.where === 'exclusive' || state.where === 'migrating') {
    return [fn, `${state.pte} entry, and a snapshot faults nothing in`];
  }
  const access = state.pte.startsWith('PROT_NONE') ? ', PROT_NONE' : '';
  return [fn, `${placeText(state)}${access}`];
}

function explainSnapshot(context: ExplainContext, call: Call, index: number): Verdict {
  const entry = last(eventsOf(call, index), 'dmirror_mkentry');
  if (entry === undefined) return notReached(context, call);
  const perm = Number(entry.args!.perm);
  const [fn, reason] = seen(call.after[index]!, call.device, perm);
  return decided(context.spelling.permission(perm), fn, reason);
}

type Explain = (context: ExplainContext, call: Call, index: number) => Verdict;

/** Commands that look at pages one by one. */
const EXPLAIN: Readonly<Record<string, Explain>> = {
  MIGRATE: explainMigrate,
  MIGRATE_TO_DEV: explainMigrate,
  MIGRATE_TO_SYS: explainMigrate,
  READ: explainAccess,
  WRITE: explainAccess,
  SNAPSHOT: explainSnapshot,
  EXCLUSIVE: explainExclusive,
};

/** One verdict a page, for the pages that have a state; none for commands that have no pages. */
export function explainCall(context: ExplainContext, call: Call): Verdict[] {
  const explain = EXPLAIN[call.cmd];
  if (explain === undefined) return [];
  const { version } = context.machine.generation;
  return call.before.map((_, index) => {
    const verdict = explain(context, call, index);
    return { ...verdict, fn: kernelName(verdict.fn, version) };
  });
}

// --- why a command failed -----------------------------------------------------------------------------------

/** Why the command as a whole answered an error; undefined when it did not, or nothing is known. */
export function explainError({ nameOf }: ExplainContext, call: Call): string | undefined {
  const waits = last(call.events, 'memunmap_pages_wait');
  if (call.ret === undefined && waits !== undefined) return `${waits.fn}: ${waits.reason}`;
  if (call.ret === 0 || call.ret === undefined) return undefined;
  const stop = call.events.filter(isStop).at(-1);
  if (stop !== undefined) return `${stop.fn}: ${stop.reason} at ${nameOf(stop.addr!)}`;
  const first = (test: (state: PageState) => boolean): string | undefined => {
    const index = call.after.findIndex(test);
    return index < 0 ? undefined : nameOf(call.addr + index * 4096);
  };
  if (call.cmd === 'CHECK_EXCLUSIVE') {
    const page = first(({ devices }) =>
      devices.some(({ device, access }) => device === call.device && access === 'a'),
    );
    return page === undefined
      ? undefined
      : `dmirror_check_atomic: ${call.device.name} has atomic access to ${page}`;
  }
  if (call.cmd === 'EXCLUSIVE' && call.ret === -16)
    return 'dmirror_exclusive: not every page became exclusive';
  if (isGone(call)) return `mmget_not_zero: ${GONE}`;
  if (call.ret === -14) {
    const copy = call.cmd === 'WRITE' ? 'copy_from_user' : 'copy_to_user';
    return `${copy}: the caller's buffer ends too early, or is not accessible`;
  }
  const missing = call.knownAfter.indexOf(false);
  if (call.ret !== -2 || missing < 0) return undefined;
  return `dmirror_do_read: ${nameOf(call.addr + missing * 4096)} is not in the device table`;
}

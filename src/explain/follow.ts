// SPDX-License-Identifier: GPL-2.0-only
/** One page through a whole scenario: every pfn it had, every state of its entry, every reference. */

import type { Machine } from '../machine/machine.js';
import { reasonText } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import type { Args, EventName } from '../mm/trace.js';
import { addressOf } from '../scenario/actor.js';
import { answerText, stepText } from '../scenario/place.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { Session, type TakenStep } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { NO_PAGE } from '../sim/memmap.js';
import { ACCESS_TEXT, type PageState, type Place, pagePlace, placeText } from '../watch/observe.js';
import { type Change, PageWatch } from '../watch/page-watch.js';
import { fanOut } from '../watch/tracer.js';
import { type ExplainOptions, fatal } from './explain.js';
import { Moves, type MovesData, movesLines } from './moves.js';
import { causeLines, warningLines } from './text.js';
import type { Cause } from './verdict.js';

export interface FollowedPage {
  readonly process: string;
  readonly region: string;
  readonly page: number;
}

/** rX[P], or pN:rX[P]. Throws UsageError. */
export function parseFollowed(text: string, where: string): FollowedPage {
  const match = /^(?:(p\d+):)?(r\d+)\[(\d+)\]$/.exec(text);
  if (match === null) {
    throw new UsageError(`"${text}" is not a page (expected r0[3], or p1:r0[3])`, where);
  }
  return { process: match[1] ?? 'p0', region: match[2]!, page: Number(match[3]) };
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Events that only repeat what the entry and the references show; system calls are another. */
const SILENT: ReadonlySet<EventName> = new Set<EventName>([
  'mm_page_alloc',
  'mm_page_free',
  'device_page_free',
  'set_migration_pte',
  'driver_command',
  'driver_command_end',
]);

const isSilent = (name: EventName): boolean => SILENT.has(name) || name.startsWith('sys_');

// --- what is told -----------------------------------------------------------------------------------------

/** A page table entry in words, and the pfn of the page that it maps; null where there is no VMA. */
export interface EntryData {
  readonly entry: string | null;
  readonly pfn?: string;
}

/** One change of the page, as data. */
export type ChangeData =
  | {
      readonly kind: 'ref';
      readonly pfn: string;
      readonly from: number;
      readonly to: number;
      /** Innermost first. */
      readonly fns: readonly string[];
    }
  | { readonly kind: 'pte'; readonly from: EntryData; readonly to: EntryData; readonly fn?: string }
  | {
      readonly kind: 'event';
      readonly event: string;
      readonly fn: string;
      readonly args: Args;
      readonly reason?: Reason;
    };

/** What the page is like after a step. */
export interface Present extends Place {
  readonly refcount?: number;
  readonly mapcount?: number;
  /** What the CPU does without a fault: '', 'r' or 'rw'. */
  readonly cpu: string;
  readonly devices: readonly { readonly device: string; readonly access: 'r' | 'rw' | 'a' }[];
}

export interface FollowedStep extends TakenStep {
  readonly causes: readonly Cause[];
  readonly changes: readonly ChangeData[];
  /** Where it differs from what it was after the step before, or is asked for alone. */
  readonly now?: Present;
}

function entryData({ where, page, pte, pfn }: PageState): EntryData {
  if (where === 'unmapped') return { entry: null };
  return page === NO_PAGE ? { entry: pte } : { entry: pte, pfn: hex(pfn) };
}

function changeData(change: Change): ChangeData[] {
  if (change.kind === 'ref') return [{ ...change, pfn: hex(change.pfn) }];
  if (change.kind === 'pte') {
    const { from, to, fn } = change;
    return [{ kind: 'pte', from: entryData(from), to: entryData(to), ...(fn === '' ? {} : { fn }) }];
  }
  const { event, tracepoint, fn, reason, args } = change.event;
  if (isSilent(event)) return [];
  // The page that one came from has a number of ours; the change of the entry has told its pfn.
  const { from: _, ...own }: Args = args ?? {};
  const told = { kind: 'event', event: tracepoint ?? event, fn, args: own } as const;
  return [reason === undefined ? told : { ...told, reason }];
}

function presentOf(state: PageState): Present {
  const { refcount, mapcount, cpu } = state;
  const counts = state.page === NO_PAGE ? {} : { refcount, mapcount };
  const devices = state.devices.map(({ device, access }) => ({ device: device.name, access }));
  return { ...pagePlace(state), ...counts, cpu, devices };
}

// --- following --------------------------------------------------------------------------------------------

class Follower {
  readonly #watches = new Map<string, PageWatch>();

  constructor(
    private readonly machine: Machine,
    private readonly followed: FollowedPage,
  ) {}

  /** The watch on the process's page, from when there is such a process. */
  watch(session: Session): PageWatch | undefined {
    const { process: name, region, page } = this.followed;
    const known = this.#watches.get(name);
    if (known !== undefined) return known;
    const mm = this.machine.process(session.actor(name)?.process.pid ?? -1)?.mm;
    if (mm === undefined || mm === null) return undefined;
    const watch = new PageWatch(this.machine, mm, addressOf(region, page));
    this.#watches.set(name, watch);
    return watch;
  }
}

/** Take the steps of `document`, watching one page. Gives what each step did to it. Return: what was moved, and why. */
export function* followPage(
  machine: Machine,
  setup: MachineSetup,
  document: ScenarioDocument,
  followed: FollowedPage,
  options: ExplainOptions = {},
): Generator<FollowedStep, MovesData> {
  const follower = new Follower(machine, followed);
  let watch: PageWatch | undefined;
  const moves = new Moves((mm, addr) => watch?.isOf(mm, addr) ?? false);
  const others = [moves, ...(options.sinks ?? [])];
  const session = new Session(machine, setup.generation);
  let before = '';
  machine.trace = fanOut(...others);
  const arm = (): void => {
    watch = follower.watch(session);
    machine.trace = fanOut(watch, ...others);
    watch?.arm();
  };
  for (const taken of session.takeAll(document.steps, arm)) {
    const alone = options.step === taken.index;
    const changes = watch === undefined ? [] : watch.release().flatMap(changeData);
    // A process that the step has made begins with what it inherits.
    const known = watch ?? follower.watch(session);
    const now = known && presentOf(known.observe());
    const text = now === undefined ? before : JSON.stringify(now);
    const told = now !== undefined && (alone || text !== before) ? { now } : {};
    before = text;
    if (alone || options.step === undefined) {
      yield { ...taken, causes: fatal(session, taken), changes, ...told };
    }
  }
  return moves.data;
}

// --- lines ------------------------------------------------------------------------------------------------

const entryText = ({ entry, pfn }: EntryData): string =>
  pfn === undefined ? (entry ?? 'no VMA') : `${entry}, pfn ${pfn}`;

function changeLine(change: ChangeData): string {
  if (change.kind === 'ref') {
    const { pfn, from, to, fns } = change;
    return `  ref  pfn ${pfn}  ${from} -> ${to}  ${fns.join(' < ')}`;
  }
  if (change.kind === 'pte') {
    const by = change.fn === undefined ? '' : `  ${change.fn}`;
    return `  pte  ${entryText(change.from)} -> ${entryText(change.to)}${by}`;
  }
  const { event, fn, args, reason } = change;
  const { pages: _, ...own } = args;
  const words = Object.entries(own).map(([key, value]) => `${key}=${value}`);
  if (reason !== undefined) words.push(reasonText(reason));
  if (fn !== event) words.unshift(fn);
  return `  tell ${[event, ...words].join('  ')}`;
}

function nowLine(now: Present): string {
  const devices = now.devices.map(({ device, access }) => `${device} ${ACCESS_TEXT[access]}`);
  const words = [placeText(now)];
  if (now.refcount !== undefined) words.push(`refcount ${now.refcount}, mapcount ${now.mapcount}`);
  words.push(`CPU ${now.cpu === '' ? 'faults' : ACCESS_TEXT[now.cpu as 'r' | 'rw']}`, ...devices);
  return `  now  ${words.join('; ')}`;
}

/** Which page is followed. */
export function followedLine({ process, region, page }: FollowedPage): string {
  return `${region}[${page}] of ${process}, address ${hex(addressOf(region, page))}`;
}

/** What a step did to the page; a step that did nothing to it has its heading alone. */
export function followedLines(followed: FollowedStep): string[] {
  const { index, step, result, causes, warnings, changes, now } = followed;
  return [
    `step ${index}  ${stepText(step)}: ${answerText(result)}`,
    ...causeLines(causes),
    ...warningLines(warnings),
    ...changes.map(changeLine),
    ...(now === undefined ? [] : [nowLine(now)]),
  ];
}

/** The same for people: the lines of each step, then those of what was moved. */
export function* followedText(...args: Parameters<typeof followPage>): Generator<string[]> {
  const steps = followPage(...args);
  let next = steps.next();
  for (; next.done !== true; next = steps.next()) yield followedLines(next.value);
  const lines = movesLines(next.value);
  if (lines.length > 0) yield lines;
}

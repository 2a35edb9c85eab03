// SPDX-License-Identifier: GPL-2.0-only
/** One page through a whole scenario: every pfn it had, every state of its entry, every reference. */

import type { Machine } from '../machine/machine.js';
import { addressOf } from '../scenario/actor.js';
import { answerText, stepText } from '../scenario/place.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { Session } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { NO_PAGE } from '../sim/memmap.js';
import { ACCESS_TEXT, type PageState, placeText } from '../watch/observe.js';
import { type Change, PageWatch } from '../watch/page-watch.js';
import { fanOut } from '../watch/tracer.js';
import type { ExplainOptions } from './explain.js';

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

/** Events that only repeat what the entry and the references show. */
const SILENT = /^(sys_|mm_page_|set_migration_pte|dmirror_ioctl)/;

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

  lines(changes: readonly Change[]): string[] {
    return changes.flatMap((change) => this.#line(change));
  }

  #line(change: Change): string[] {
    if (change.kind === 'ref') {
      const { pfn, from, to, fns } = change;
      return [`  ref  pfn ${hex(pfn)}  ${from} -> ${to}  ${fns.join(' < ')}`];
    }
    if (change.kind === 'pte') {
      const by = change.fn === '' ? '' : `  ${change.fn}`;
      return [`  pte  ${entryText(change.from)} -> ${entryText(change.to)}${by}`];
    }
    const { event, fn, reason, args = {} } = change.event;
    if (SILENT.test(event)) return [];
    const { pages: _, from: __, ...own } = args;
    const words = Object.entries(own).map(([key, value]) => `${key}=${value}`);
    if (reason !== undefined) words.push(reason);
    if (fn !== event) words.unshift(fn);
    return [`  tell ${[event, ...words].join('  ')}`];
  }
}

function entryText(state: PageState): string {
  if (state.where === 'unmapped') return 'no VMA';
  return state.page === NO_PAGE ? state.pte : `${state.pte}, pfn ${hex(state.pfn)}`;
}

function nowLine(state: PageState): string {
  const devices = state.devices.map(({ device, access }) => `${device.name} ${ACCESS_TEXT[access]}`);
  const words = [placeText(state)];
  if (state.page !== NO_PAGE) words.push(`refcount ${state.refcount}, mapcount ${state.mapcount}`);
  words.push(`CPU ${state.cpu === '' ? 'faults' : ACCESS_TEXT[state.cpu as 'r' | 'rw']}`, ...devices);
  return `  now  ${words.join('; ')}`;
}

/**
 * Take the steps of `document`, watching one page. Return: the lines of each step, the steps that did nothing to the
 * page with their heading alone.
 */
export function* followPage(
  machine: Machine,
  setup: MachineSetup,
  document: ScenarioDocument,
  followed: FollowedPage,
  options: ExplainOptions = {},
): Generator<string[]> {
  const { process, region, page } = followed;
  yield [`${region}[${page}] of ${process}, address ${hex(addressOf(region, page))}`];
  const follower = new Follower(machine, followed);
  const others = options.sinks ?? [];
  machine.trace = fanOut(...others);
  const session = new Session(machine, setup.generation);
  let before = '';
  let watch: PageWatch | undefined;
  const arm = (): void => {
    watch = follower.watch(session);
    machine.trace = fanOut(watch, ...others);
    watch?.arm();
  };
  for (const { index, step, result } of session.takeAll(document.steps, arm)) {
    const lines = [`step ${index}  ${stepText(step)}: ${answerText(result)}`];
    if (session.fatal !== undefined) lines.push(`  because ${session.fatal.reason}`);
    if (watch !== undefined) lines.push(...follower.lines(watch.release()));
    // A process that the step has made begins with what it inherits.
    const known = watch ?? follower.watch(session);
    if (known !== undefined) {
      const now = nowLine(known.observe());
      if (now !== before || options.step === index) lines.push(now);
      before = now;
    }
    if (options.step === undefined || options.step === index) yield lines;
  }
}

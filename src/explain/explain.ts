// SPDX-License-Identifier: GPL-2.0-only
/** Runs a scenario and tells in kernel terms what each step did, page by page. */

import type { Machine } from '../machine/machine.js';
import type { TraceEvent } from '../mm/trace.js';
import { addressOf } from '../scenario/actor.js';
import { answerText, regionName, stepText } from '../scenario/place.js';
import type { StepResult } from '../scenario/result.js';
import type { ScenarioDocument, Step, StepOf } from '../scenario/schema.js';
import { spellingOf } from '../scenario/spelling.js';
import { definitionOf } from '../scenario/steps/index.js';
import { Session, type TakenStep } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { type Call, CallWatch, type Fault } from '../watch/call-watch.js';
import { observePage, placeText } from '../watch/observe.js';
import { fanOut, type TraceSinks } from '../watch/tracer.js';
import { explainFault, type Verdict } from './fault.js';
import { type ExplainContext, explainCall, explainError } from './page.js';
import { callRows, moreLine, type Row, rowLines } from './text.js';

export interface ExplainOptions {
  /** Tell only of this step; undefined: of all. */
  readonly step?: number;
  /** Others who want the machine's events. */
  readonly sinks?: TraceSinks;
}

/** What a step's watch has collected. */
interface Collected {
  readonly calls: Call[];
  readonly faults: Fault[];
  /** Where GUP stopped for somebody who is no device. */
  readonly stops: TraceEvent[];
}

const nothing = (): Collected => ({ calls: [], faults: [], stops: [] });

/** Pages of a load or store that are listed. */
const MAX_TOUCHED = 4096;

class StepExplainer {
  readonly watch: CallWatch;
  #collected: Collected = nothing();

  constructor(readonly context: ExplainContext) {
    this.watch = new CallWatch(context.machine, {
      call: (call) => this.#collected.calls.push(call),
      fault: (fault) => this.#collected.faults.push(fault),
      other: (event) => {
        if (event.event === 'gup_stopped') this.#collected.stops.push(event);
      },
    });
  }

  /** What was collected since the last time. */
  take(): Collected {
    this.watch.abandon();
    const collected = this.#collected;
    this.#collected = nothing();
    return collected;
  }

  callLines(call: Call): string[] {
    const verdicts = explainCall(this.context, call);
    const error = explainError(this.context, call);
    const why = error === undefined ? [] : [`  because ${error}`];
    return [
      ...why,
      ...rowLines(callRows(call, verdicts, this.context.nameOf)),
      ...moreLine(call.pages, verdicts.length),
    ];
  }

  /** A load or store: each page that faulted, and each that did not have to. */
  touchLines(
    session: Session,
    step: StepOf<'load' | 'store'>,
    result: StepResult,
    faults: Fault[],
  ): string[] {
    const mm = this.context.machine.process(session.actor(step.as ?? 'p0')?.process.pid ?? -1)?.mm;
    if (mm === undefined || mm === null) return killedLines(faults);
    const rows: Row[] = [];
    const end = endOf(result, faults);
    const taken = byAddress(faults.filter((fault) => fault.mm === mm));
    for (let i = 0; i < Math.min(step.pages, MAX_TOUCHED); i++) {
      const addr = addressOf(step.region, step.page + i);
      const place = (): string => placeText(observePage(this.context.machine, mm, addr));
      const verdict = this.#touched(step.op, result.pages?.[i], taken.get(addr) ?? [], place);
      rows.push({ page: regionName(addr), ...(end === undefined ? verdict : ended(verdict, addr, end)) });
    }
    return [...rowLines(rows), ...moreLine(step.pages, rows.length)];
  }

  #touched(
    op: 'load' | 'store',
    answer: number | string | undefined,
    faults: readonly Fault[],
    place: () => string,
  ): Verdict {
    const fault = faults.at(-1);
    const verdict = typeof answer === 'string' && answer.startsWith('SIG') ? answer : TOUCHED[op];
    if (fault === undefined) return { verdict, fn: '', reason: `no fault: ${place()}` };
    const reasons = counted(faults.map((one) => explainFault(one).reason));
    return { fn: explainFault(fault).fn, reason: reasons.join('; then '), verdict };
  }
}

function byAddress(faults: readonly Fault[]): ReadonlyMap<number, readonly Fault[]> {
  const found = new Map<number, Fault[]>();
  for (const fault of faults) {
    const same = found.get(fault.addr);
    if (same === undefined) found.set(fault.addr, [fault]);
    else same.push(fault);
  }
  return found;
}

/** The fault that a process did not survive. */
function killedLines(faults: readonly Fault[]): string[] {
  return rowLines(
    faults.slice(-1).map((fault) => ({ page: regionName(fault.addr), ...explainFault(fault) })),
  );
}

/** Where a load or store came to no end, and which one. */
interface End {
  readonly addr: number;
  readonly verdict: 'oops' | 'hang';
}

function endOf({ oops, hang }: StepResult, faults: readonly Fault[]): End | undefined {
  const fault = faults.at(-1);
  if (fault === undefined || (oops === undefined && hang === undefined)) return undefined;
  return { addr: fault.addr, verdict: oops === undefined ? 'hang' : 'oops' };
}

/** The verdict on a page of an access that came to no end. */
function ended(verdict: Verdict, addr: number, end: End): Verdict {
  if (addr < end.addr) return verdict;
  if (addr === end.addr) return { ...verdict, verdict: end.verdict };
  return { verdict: 'not reached', fn: '', reason: 'the kernel died before' };
}

/** Texts that follow themselves, once and with their number. */
function counted(texts: readonly string[]): string[] {
  const found: { text: string; times: number }[] = [];
  for (const text of texts) {
    const last = found.at(-1);
    if (last?.text === text) last.times++;
    else found.push({ text, times: 1 });
  }
  return found.map(({ text, times }) => (times === 1 ? text : `${text} (${times} times)`));
}

const TOUCHED = { load: 'loaded', store: 'stored' } as const;

/** Why a step that pins pages, or looks at them, did not get them all. */
function stopped(step: Step, { stops }: Collected): string[] {
  if (definitionOf(step).concerns !== 'pins') return [];
  return stops
    .slice(0, 1)
    .map(({ fn, reason, addr }) => `  because ${fn}: ${reason} at ${regionName(addr!)}`);
}

/** Why an ioctl step that reached no command answered what it did. */
function unreached(step: Step, result: StepResult, collected: Collected): string[] {
  if (definitionOf(step).concerns !== 'command' || collected.calls.length > 0) return [];
  if (result.ret === 'EBADF') return ['  because __x64_sys_ioctl: the fd is not open'];
  if (result.ret === 'EINVAL') {
    return [
      '  because dmirror_fops_unlocked_ioctl: the range is empty or wraps around, or there is no such command',
    ];
  }
  return [];
}

function fatalLines(session: Session): string[] {
  const { fatal } = session;
  return fatal === undefined ? [] : [`  because ${fatal.reason}`];
}

/**
 * Take the steps of `document` on `machine`. Return: the lines of each step, with its number.
 * Context: a fresh machine with the module loaded.
 */
export function* explainScenario(
  machine: Machine,
  setup: MachineSetup,
  document: ScenarioDocument,
  options: ExplainOptions = {},
): Generator<string[]> {
  const context: ExplainContext = {
    machine,
    spelling: spellingOf(setup.generation),
    nameOf: regionName,
  };
  const explainer = new StepExplainer(context);
  machine.trace = fanOut(explainer.watch, ...(options.sinks ?? []));
  const session = new Session(machine, setup.generation);
  explainer.take();
  for (const taken of session.takeAll(document.steps)) {
    const collected = explainer.take();
    if (options.step !== undefined && options.step !== taken.index) continue;
    yield stepLines(explainer, session, { ...taken, collected });
  }
}

interface Told extends TakenStep {
  readonly collected: Collected;
}

function stepLines(explainer: StepExplainer, session: Session, taken: Told): string[] {
  const { index, step, result, collected } = taken;
  const lines = [`step ${index}  ${stepText(step)}: ${answerText(result)}`, ...fatalLines(session)];
  lines.push(...unreached(step, result, collected), ...stopped(step, collected));
  for (const call of collected.calls) lines.push(...explainer.callLines(call));
  if (definitionOf(step).concerns === 'access') {
    lines.push(...explainer.touchLines(session, step as StepOf<'load' | 'store'>, result, collected.faults));
  }
  return lines;
}

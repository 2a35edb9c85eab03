// SPDX-License-Identifier: GPL-2.0-only
/** Runs a scenario and tells in kernel terms what each step did, page by page. */

import type { Generation } from '../generations/index.js';
import { kernelName } from '../generations/names.js';
import type { Machine } from '../machine/machine.js';
import type { TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { answerText, regionName, stepText } from '../scenario/place.js';
import { fatalKey } from '../scenario/result.js';
import type { ScenarioDocument, Step, StepOf } from '../scenario/schema.js';
import { spellingOf } from '../scenario/spelling.js';
import { definitionOf } from '../scenario/steps/index.js';
import { Session, type TakenStep } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { type Call, CallWatch } from '../watch/call-watch.js';
import { fanOut, type TraceSinks } from '../watch/tracer.js';
import { type ChargedRange, Charges, chargeLines } from './charges.js';
import { explainCommand } from './command.js';
import { EvictedPages } from './evicted.js';
import { ForkExplainer } from './fork.js';
import { LockExplainer, type LocksOf, lockLines } from './locks.js';
import { type Lost, LostPages, lostLines } from './lost.js';
import { MappingEvents, MappingExplainer, type MappingExplanation } from './mapping.js';
import type { ExplainContext } from './page.js';
import { type Reclaimed, ReclaimedPages, reclaimedLines, type WokenFlusher } from './reclaimed.js';
import { causeLines, commandLines, mappingLines, rangeLines, warningLines } from './text.js';
import { isLaunched, ThreadSteps } from './threads.js';
import { TouchExplainer, Touches } from './touch.js';
import type { Cause, CommandExplanation, RangeVerdicts } from './verdict.js';

export interface ExplainOptions {
  /** Tell only of this step; undefined: of all. */
  readonly step?: number;
  /** Tell where the step slept with a lock, or for one, and where it might have had to. */
  readonly locks?: boolean;
  /** Others who want the machine's events. */
  readonly sinks?: TraceSinks;
}

export interface ExplainedStep extends TakenStep {
  /** Why the step answered what it did, beyond what its commands tell. */
  readonly causes: readonly Cause[];
  readonly commands: readonly CommandExplanation[];
  /** Of a load or store. */
  readonly touched?: RangeVerdicts;
  /** Of a system call about a mapping, and of fork. */
  readonly mapping?: MappingExplanation;
  /** What a driver took off its device, of whomever. */
  readonly evicted: RangeVerdicts;
  /** What the kernel took away meanwhile, to have memory. */
  readonly reclaimed: Reclaimed;
  /** Pages that the hardware has lost. */
  readonly lost: Lost;
  /** Of memory cgroups. */
  readonly charges: readonly ChargedRange[];
  /** Who holds what, and where each waits. */
  readonly locks: readonly LocksOf[];
}

/** What a step's watch has collected. */
interface Collected {
  readonly calls: Call[];
  readonly faults: Touches;
  /** Where GUP stopped for somebody who is no device. */
  readonly stops: TraceEventOf<'gup_stopped'>[];
  /** What else was told outside of commands and faults, of a mapping. */
  readonly others: MappingEvents;
  readonly evicted: EvictedPages;
  readonly reclaimed: ReclaimedPages;
}

const nothing = (step: number, flusher?: WokenFlusher): Collected => ({
  calls: [],
  faults: new Touches(),
  stops: [],
  others: new MappingEvents(),
  evicted: new EvictedPages(),
  reclaimed: new ReclaimedPages(step, flusher),
});

class StepExplainer {
  readonly watch: CallWatch;
  readonly #context: ExplainContext;
  #collected: Collected = nothing(0);
  /** Which is taken next. */
  #next = 0;
  /** Who has which address space, before the step. */
  #owners: ReadonlyMap<MmStruct, string> = new Map();
  /** While a step about a mapping is taken. */
  #mapping: MappingExplainer | ForkExplainer | undefined;
  readonly #nameOf = (mm: MmStruct): string => this.#owners.get(mm) ?? '?';
  readonly #charges = new Charges();
  readonly #lost = new LostPages();
  #taker = 'p0';
  readonly #threads = new ThreadSteps();
  /** The step of a thread whose answer is waited for. */
  #awaited: Step | undefined;

  constructor(private readonly machine: Machine) {
    const spelling = spellingOf(machine.generation);
    this.#context = { machine, spelling, nameOf: regionName };
    this.watch = new CallWatch(machine, {
      call: (call) => this.#collected.calls.push(call),
      fault: (fault) => {
        this.#collected.faults.push(machine, fault);
        this.#threads.push(machine, fault);
        for (const event of fault.events)
          if (event.event === 'workingset_refault')
            this.#collected.reclaimed.refaulted(machine.kernel, fault, event);
      },
      reclaimed: (event) => {
        const own =
          event.event === 'reclaim_unmap' &&
          this.#mapping instanceof MappingExplainer &&
          this.#mapping.covers(event);
        if (event.event === 'reclaim_clean') this.#collected.others.note(event);
        if (own) this.#collected.others.note(event);
        else this.#collected.reclaimed.note(machine.kernel, event);
      },
      evicts: (event) => this.#collected.evicted.note(machine, event),
      lost: (event) => this.#lost.note(event),
      charge: (event) => this.#charges.note(event, this.#taker),
      other: (event) => {
        if (event.event === 'gup_stopped') this.#collected.stops.push(event);
        else if (this.#mapping !== undefined || event.event === 'skip') this.#collected.others.note(event);
      },
    });
  }

  /** The step is about to be taken. */
  begin(session: Session, step: Step): void {
    this.#taker = step.as ?? 'p0';
    this.#awaited = this.#threads.begin(step);
    this.#owners = new Map(
      session.alive.flatMap((as) => {
        const mm = this.#mmOf(session, { as });
        return mm === null ? [] : [[mm, as]];
      }),
    );
    const mm = this.#mmOf(session, { as: definitionOf(step).owner?.(step) ?? step.as });
    this.#mapping = mm === null ? undefined : this.#mappingOf(mm, step);
  }

  #mappingOf(mm: MmStruct, step: Step): MappingExplainer | ForkExplainer | undefined {
    const { concerns } = definitionOf(step);
    if (concerns === 'child') return new ForkExplainer(this.machine, mm);
    const pages = concerns === 'mapping' || concerns === 'transfer';
    return pages ? new MappingExplainer(this.machine, mm, step) : undefined;
  }

  #mmOf(session: Session, { as: name = 'p0' }: Pick<Step, 'as'>): MmStruct | null {
    return this.machine.process(session.actor(name)?.process.pid ?? -1)?.mm ?? null;
  }

  /** What was collected since the last time. `dead`: the machine is. */
  take(dead: boolean): Collected {
    this.watch.abandon(dead);
    const collected = this.#collected;
    this.#collected = nothing(this.#next++, collected.reclaimed.flusher);
    return collected;
  }

  explain(session: Session, taken: TakenStep, collected: Collected): Omit<ExplainedStep, 'locks'> {
    const reclaimed = collected.reclaimed.told(this.#nameOf);
    return {
      ...this.#explain(session, taken, collected),
      evicted: collected.evicted.told(this.machine, this.#taker, this.#nameOf, collected.calls),
      reclaimed,
      lost: this.lost(taken.index),
      charges: this.charges(taken.step),
    };
  }

  /** Of the step, which is remembered: who comes for a page later is told whose doing it was. */
  lost(step: number): Lost {
    return this.#lost.take(this.machine.kernel, this.#taker, step, this.#nameOf);
  }

  /** Those of the step, which are forgotten then. */
  charges(step: Step): ChargedRange[] {
    const asked = step.op === 'cgroup_read' ? `/${step.cgroup.split('/').at(-1)}` : undefined;
    return this.#charges.take(this.machine.kernel, this.#nameOf, asked);
  }

  #explain(
    session: Session,
    taken: TakenStep,
    collected: Collected,
  ): Omit<ExplainedStep, 'locks' | 'evicted' | 'reclaimed' | 'lost' | 'charges'> {
    const causes = [
      ...fatal(session, taken),
      ...unreached(taken, collected),
      ...gone(session, taken),
      ...givenUp(taken, collected, this.machine.generation),
    ];
    const commands = collected.calls.map((call) => explainCommand(this.#context, call));
    const { step, result } = taken;
    if (isLaunched(step)) return { ...taken, causes, commands };
    if (this.#mapping !== undefined && result.ret !== undefined) {
      const child = result.ret === 0 && step.op === 'fork' ? this.#mmOf(session, { as: step.child }) : null;
      return { ...taken, causes, commands, mapping: this.#mapping.explain(collected.others, child) };
    }
    const accessed = this.#awaited ?? step;
    if (definitionOf(accessed).concerns !== 'access') return { ...taken, causes, commands };
    const mm = this.#mmOf(session, step);
    const touch = new TouchExplainer(
      this.machine,
      accessed as StepOf<'load' | 'store'>,
      result,
      this.#awaited === undefined ? collected.faults : this.#threads.faults,
    );
    return { ...taken, causes, commands, touched: touch.explain(mm) };
  }
}

/** Why the machine ended in this step. */
export function fatal({ fatal }: Session, { result }: TakenStep): Cause[] {
  const id = fatalKey(result);
  if (fatal === undefined || id === undefined) return [];
  return [{ fn: '', reason: { id, message: fatal.reason } }];
}

/** Nobody takes the steps of a process that has died. */
function gone(session: Session, { step: { as = 'p0' }, result }: TakenStep): Cause[] {
  if (result.ret !== 'ESRCH' || session.alive.includes(as)) return [];
  return [{ fn: '', reason: { id: 'process-gone', process: as } }];
}

/** Where GUP stopped in a step that pins pages, or looks at them, and did not get them all. */
const stopped = ({ stops }: Collected): Cause[] =>
  stops.slice(0, 1).map(({ fn, reason, addr }) => ({ fn, reason, at: regionName(addr) }));

/** The fault of the kernel by which a system call noticed that a program's memory is not there. */
function faulted({ faults }: Collected): Cause[] {
  const last = faults.length - 1;
  if (last < 0) return [];
  const { verdict, fn, reason } = faults.verdict(last);
  return verdict.startsWith('SIG') ? [{ fn, reason, at: regionName(faults.addr(last)) }] : [];
}

/** Why a system call gave up, and at which page; of drivers' commands, and of loads and stores, other words tell. */
function givenUp({ step, result }: TakenStep, collected: Collected, { version }: Generation): Cause[] {
  const { concerns } = definitionOf(step);
  if (concerns === 'command' || concerns === 'access') return [];
  if (concerns === 'pins' && collected.stops.length > 0) return stopped(collected);
  if (!result.ret && result.waits === undefined) return [];
  const { skipped } = collected.others;
  if (skipped !== undefined) {
    const { fn, reason, addr } = skipped;
    return [{ fn: kernelName(fn, version), reason, ...(addr === undefined ? {} : { at: regionName(addr) }) }];
  }
  const stops = stopped(collected);
  return stops.length === 0 && result.ret === 'EFAULT' ? faulted(collected) : stops;
}

/** Why an ioctl step that reached no command answered what it did. */
function unreached({ step, result }: TakenStep, { calls }: Collected): Cause[] {
  const { concerns, entry } = definitionOf(step);
  if (concerns !== 'command' || calls.length > 0) return [];
  if (result.ret === 'EBADF') return [{ fn: '__x64_sys_ioctl', reason: { id: 'fd-not-open' } }];
  if (result.ret === 'EINVAL' && entry !== undefined) {
    return [{ fn: entry, reason: { id: step.op === 'driver' ? 'request-refused' : 'command-refused' } }];
  }
  return [];
}

/**
 * Take the steps of `document` on `machine`. Return: each step, explained.
 * Context: a fresh machine with the module loaded.
 */
export function* explainScenario(
  machine: Machine,
  setup: MachineSetup,
  document: ScenarioDocument,
  options: ExplainOptions = {},
): Generator<ExplainedStep> {
  const explainer = new StepExplainer(machine);
  const locks = new LockExplainer(machine, options.locks === true ? 'all' : 'ends');
  machine.trace = fanOut(explainer.watch, ...(options.sinks ?? []));
  const session = new Session(machine, setup.generation);
  explainer.take(false);
  const begin = (_: number, step: Step): void => explainer.begin(session, step);
  for (const taken of session.takeAll(document.steps, begin)) {
    const collected = explainer.take(session.fatal !== undefined);
    const { hang, waits } = taken.result;
    const standing = locks.take(hang !== undefined || waits !== undefined);
    if (options.step !== undefined && options.step !== taken.index) {
      explainer.charges(taken.step);
      explainer.lost(taken.index);
      continue;
    }
    yield { ...explainer.explain(session, taken, collected), locks: standing };
  }
}

/** What a step did, as `explain` prints it. */
export function explainedLines(explained: ExplainedStep): string[] {
  const {
    index,
    step,
    result,
    causes,
    warnings,
    locks,
    commands,
    touched,
    mapping,
    evicted,
    reclaimed,
    lost,
    charges,
  } = explained;
  return [
    `step ${index}  ${stepText(step)}: ${answerText(result)}`,
    ...causeLines(causes),
    ...warningLines(warnings),
    ...commands.flatMap(commandLines),
    ...(touched === undefined ? [] : rangeLines(touched)),
    ...rangeLines(evicted),
    ...reclaimedLines(reclaimed),
    ...lostLines(lost),
    ...chargeLines(charges),
    ...(mapping === undefined ? [] : mappingLines(mapping)),
    ...lockLines(locks),
  ];
}

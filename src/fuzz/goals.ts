// SPDX-License-Identifier: GPL-2.0-only
/** What a scenario has to keep showing while it is made smaller. */

import { unfold } from '../scenario/folded.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { judge, type Unmet, unmetText } from '../scenario/verdict.js';
import type { MachineSource } from '../session/runner.js';
import type { Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { warningsIn } from '../user/kernel-log.js';
import {
  divergencesOf,
  type Finding,
  keyOf,
  type Observation,
  observe,
  sortOf,
  unmetOf,
  warningsOf,
} from './findings.js';
import type { Interesting } from './shrink.js';

/** Runs scenarios on the machine that they ask for, and on another to compare with. */
export interface Laboratory {
  readonly source: MachineSource;
  readonly setups: Setups;
  /** How the other machine is made, and what documents look like there. */
  readonly other?: OtherMachine;
  /** The document on a machine where nothing is wrong: what it expects has to hold there, however small it gets. */
  readonly sound?: (document: ScenarioDocument) => ScenarioDocument;
  /** Where no machine can tell: does all that the document expects hold, by a model of what it is about? */
  readonly holds?: (document: ScenarioDocument) => boolean;
}

export interface OtherMachine {
  readonly setups: Setups;
  document(document: ScenarioDocument): ScenarioDocument;
  /** Is what ends this machine too no finding? */
  readonly excuses?: boolean;
}

export interface Goal {
  /** For people: "oops in dmirror_do_read". */
  readonly text: string;
  /** The scenario to begin with: it expects only what the goal is about. */
  readonly document: ScenarioDocument;
  readonly interesting: Interesting;
  /** The small scenario, expecting what it shows where that can be expected, and what it shows in its `source`. */
  finish(document: ScenarioDocument): ScenarioDocument;
}

function observeIn({ source, setups }: Laboratory, document: ScenarioDocument): Observation {
  return observe(source, setups.of(document), document);
}

/** Is there such a machine? A smaller scenario may ask for one that its memory is too small for. */
function canBoot({ setups }: Laboratory, document: ScenarioDocument): boolean {
  try {
    setups.of(document);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

function observeThere({ source, other }: Laboratory, document: ScenarioDocument): Observation {
  const plain = other!.document(document);
  return observe(source, other!.setups.of(plain), plain);
}

/** Is the expectation that is not met here met where nothing is wrong? */
export function holdsWhereSound(lab: Laboratory, document: ScenarioDocument): boolean {
  if (lab.holds?.(document) === false) return false;
  if (lab.sound === undefined) return true;
  const sound = lab.sound(document);
  return judge(sound, observeIn(lab, sound)) === undefined;
}

/** What there is to find: how the machine ended, what was expected otherwise, and where the other one answers differently. */
export function findingsOf(lab: Laboratory, document: ScenarioDocument): Finding[] {
  const here = observeIn(lab, document);
  const ended = here.end === undefined ? [] : [here.end];
  if (lab.other === undefined) {
    const unmet = unmetOf(document, here);
    return unmet === undefined ? ended : [unmet];
  }
  const there = observeThere(lab, document);
  const divergences = divergencesOf(document, here, there);
  const { end } = there;
  const excused = lab.other.excuses === true && end !== undefined;
  const left = excused ? ended.filter((finding) => sortOf(finding) !== sortOf(end)) : ended;
  return [...divergences, ...warningsOf(here, there), ...left];
}

function without(step: Step): Step {
  const { expect: _, ...bare } = step;
  return bare as Step;
}

/** The scenario without any expectation. */
function bareOf({ dmesg: _, warnings: __, ...document }: ScenarioDocument): ScenarioDocument {
  const { load, ...bare } = { ...document, steps: document.steps.map(without) };
  // A machine without its module is what the steps run on.
  return typeof load?.ret === 'string' ? { ...document, steps: bare.steps } : bare;
}

/** `document`, expecting the finding where a document can. */
function expecting(document: ScenarioDocument, finding: Finding, { results, dmesg }: Observation) {
  const { kind, step, fn, detail } = finding;
  if (kind === 'warning') return { ...document, warnings: warningsIn(dmesg) };
  if (kind === 'load') return { ...document, load: { ret: detail! } };
  if (kind === 'oops' && step < 0) return { ...document, load: { oops: fn } };
  const expect = results[step];
  // A violation, or what is left at the end, is no answer of a kernel.
  if (expect === undefined || expect.violation !== undefined) return document;
  const steps = document.steps.map((taken, index) => {
    return index === step ? ({ ...taken, expect } as Step) : taken;
  });
  return { ...document, steps };
}

/** The goal to show a finding of the same sort, wherever; what is not as expected, at the same step. */
export function goalOf(lab: Laboratory, document: ScenarioDocument, finding: Finding): Goal {
  if (finding.kind === 'expectation') return failureGoal(lab, document)!;
  const sort = sortOf(finding);
  const find = (candidate: ScenarioDocument) =>
    findingsOf(lab, candidate).find((found) => sortOf(found) === sort);
  const what = finding.detail === undefined ? '' : ` (${finding.detail})`;
  const text = `${finding.kind} in ${finding.fn}${what}`;
  return {
    text,
    document: bareOf(document),
    interesting: (candidate) => canBoot(lab, candidate) && find(candidate) !== undefined,
    finish(small) {
      const found = find(small)!;
      const shown = expecting(small, found, observeIn(lab, small));
      return { ...shown, source: `${text}: ${found.reason}` };
    },
  };
}

// --- expectations and conditions --------------------------------------------------------------------------

type Keyed = Readonly<Record<string, unknown>>;

/** The goal that one step keeps answering so that `holds`. */
function stepGoal(
  lab: Laboratory,
  document: ScenarioDocument,
  text: string,
  id: number,
  holds: (result: Keyed, step: Step) => boolean,
): Goal {
  return {
    text,
    document,
    interesting(candidate, ids) {
      const index = ids.indexOf(id);
      if (index < 0 || !canBoot(lab, candidate)) return false;
      const result = observeIn(lab, candidate).results[index];
      if (result === undefined || !holds(result as Keyed, candidate.steps[index]!)) return false;
      return holdsWhereSound(lab, candidate);
    },
    finish: (small) => ({ ...small, source: text }),
  };
}

const arrayAt = (value: unknown, index: number): unknown => (Array.isArray(value) ? value[index] : value);

/** The goal that the module still loads, or the kernel log still reads, otherwise than expected, and so. */
function unmetGoal(
  lab: Laboratory,
  document: ScenarioDocument,
  unmet: Exclude<Unmet, { kind: 'step' }>,
  { end, loadFailure }: Observation,
): Goal {
  if (unmet.kind === 'load' && unmet.expected === undefined && end !== undefined) {
    return goalOf(lab, document, end);
  }
  const text = unmetText(unmet, loadFailure?.reason);
  const texts = document.dmesg ?? [];
  const kept = unmet.kind === 'dmesg' ? texts.slice(0, texts.indexOf(unmet.expected) + 1) : unmet.expected;
  const same = (candidate: ScenarioDocument): boolean => {
    const run = observeIn(lab, candidate);
    const left = judge(candidate, run);
    return left !== undefined && unmetText(left, run.loadFailure?.reason) === text;
  };
  return {
    text,
    document: { ...bareOf(document), [unmet.kind]: kept },
    interesting: (candidate) => canBoot(lab, candidate) && same(candidate),
    finish: (small) => ({ ...small, source: text }),
  };
}

/** The goal that the first expectation that is not met is still not met, in the same way. */
function failureGoal(lab: Laboratory, document: ScenarioDocument): Goal | undefined {
  const observation = observeIn(lab, document);
  const unmet = judge(document, observation);
  if (unmet === undefined) return undefined;
  if (unmet.kind !== 'step') return unmetGoal(lab, document, unmet, observation);
  const { end } = observation;
  // A kernel that died was not asked whether what it answers is expected.
  if (end?.step === unmet.step) return goalOf(lab, document, end);
  const { step, expected, actual } = unmet;
  const key = keyOf(unmet.key);
  const wanted = (document.steps[step]!.expect as Keyed | undefined)?.[key];
  // The other expectations tell of a longer scenario: they would fail for reasons of their own.
  const steps = document.steps.map((other, index) => {
    return index === step && wanted !== undefined ? { ...other, expect: { [key]: wanted } } : without(other);
  }) as Step[];
  const text = `step ${step} expects ${key} ${JSON.stringify(expected)}, gets ${JSON.stringify(actual)}`;
  return stepGoal(lab, { ...bareOf(document), steps }, text, step, (result, { expect }) => {
    const have = result[key];
    const folded = (expect as Keyed | undefined)?.[key];
    const want = Array.isArray(folded) && Array.isArray(have) ? unfold(folded, have.length + 1) : folded;
    const length = Math.max(Array.isArray(want) ? want.length : 1, Array.isArray(have) ? have.length : 1);
    for (let i = 0; i < length; i++) {
      if (arrayAt(want, i) === expected && arrayAt(have, i) === actual) return true;
    }
    return false;
  });
}

/** `document`, expecting of the last step that answers so what it answers. */
function answering(
  lab: Laboratory,
  document: ScenarioDocument,
  key: string,
  holds: (result: Keyed) => boolean,
): ScenarioDocument {
  const results = observeIn(lab, document).results as readonly (Keyed | undefined)[];
  const last = results.findLastIndex((result) => result !== undefined && holds(result));
  const steps = document.steps.map((step, index) =>
    index === last ? ({ ...step, expect: { [key]: results[last]![key] } } as Step) : step,
  );
  return { ...document, steps };
}

const CONDITION = /^(?:step (\d+) )?(ret|cpages|faults|pinned|type|data|perm|pages|map) (==|!=) (\S+)$/;

/**
 * The goal that "step 5 ret == ENOENT" stays true, or, without a number, what is true of the last step that answers so; of a
 * list, == is true when any page is so.
 */
function conditionGoal(lab: Laboratory, document: ScenarioDocument, text: string): Goal {
  const [, number, key, operator, value] = CONDITION.exec(text) ?? [];
  if (key === undefined) {
    throw new UsageError(
      `expected oops, hang, load, warning, checker, internal, fail, or as 'step 5 ret == ENOENT' or 'ret == ENOENT', got '${text}'`,
      '--while',
    );
  }
  const bare = bareOf(document);
  if (number !== undefined && Number(number) >= bare.steps.length) {
    throw new UsageError(
      `there is no step ${Number(number)}; the last one is ${bare.steps.length - 1}`,
      '--while',
    );
  }
  const holds = (result: Keyed): boolean => {
    const have = result[key];
    if (have === undefined) return false;
    const among = (Array.isArray(have) ? have : [have]).some((one) => String(one) === value);
    return among === (operator === '==');
  };
  const last = () =>
    observeIn(lab, bare).results.findLastIndex((result) => result !== undefined && holds(result as Keyed));
  const id = number === undefined ? last() : Number(number);
  if (id < 0) throw new UsageError(`not so: no step answers ${text}`, '--while');
  const kept = stepGoal(lab, bare, number === undefined ? `step ${id} ${text}` : text, id, holds);
  // Without it a program on a real kernel would have nothing to test.
  const goal: Goal = { ...kept, finish: (small) => answering(lab, kept.finish(small), key, holds) };
  const ids = bare.steps.map((_, index) => index);
  if (!goal.interesting(bare, ids)) {
    const result = observeIn(lab, bare).results[id];
    const answer = result === undefined ? 'is not reached' : `answers ${JSON.stringify(result)}`;
    throw new UsageError(`not so: step ${id} ${answer}`, '--while');
  }
  return goal;
}

const ENDS = ['oops', 'hang', 'load', 'checker', 'internal'] as const;

function endGoal(lab: Laboratory, document: ScenarioDocument, kind: string): Goal {
  const { end } = observeIn(lab, document);
  if (end?.kind === kind) return goalOf(lab, document, end);
  const instead = end === undefined ? 'the scenario runs to its end' : `${end.kind} in ${end.fn}`;
  throw new UsageError(`no ${kind}: ${instead}`, '--while');
}

/** The goal that the kernel still warns in the same function, and where nothing is wrong does not. */
function warningGoal(lab: Laboratory, document: ScenarioDocument): Goal | undefined {
  const bare = bareOf(document);
  const warned = (one: ScenarioDocument) => warningsIn(observeIn(lab, one).dmesg);
  const sound = (one: ScenarioDocument) => (lab.sound === undefined ? [] : warned(lab.sound(one)));
  const usual = sound(bare);
  const fn = warned(bare).find((one) => !usual.includes(one));
  if (fn === undefined) return undefined;
  const text = `warning in ${fn}`;
  return {
    text,
    document: bare,
    interesting: (one) => canBoot(lab, one) && warned(one).includes(fn) && !sound(one).includes(fn),
    finish(small) {
      const { results, dmesg } = observeIn(lab, small);
      const last = results.length - 1;
      // What the last step answers is all that a program on a real kernel can look at.
      const steps = small.steps.map((step, index) =>
        index === last ? ({ ...step, expect: results[last] } as Step) : step,
      );
      return { ...small, steps, warnings: warningsIn(dmesg), source: text };
    },
  };
}

/**
 * The goal that `condition` names; without one, whatever is wrong with `document`: an expectation that is not met, how
 * the machine ends, or that the kernel warns. Throws UsageError where the document does not show it to begin with.
 */
export function goalFor(lab: Laboratory, document: ScenarioDocument, condition: string | undefined): Goal {
  if (lab.other !== undefined) {
    const found = findingsOf(lab, document).find(({ kind }) => kind === 'divergence');
    if (found === undefined) throw new UsageError('both kernels answer the same', '--not-equal-to');
    return goalOf(lab, document, found);
  }
  if (condition === 'warning') {
    const goal = warningGoal(lab, document);
    if (goal === undefined) throw new UsageError('no warning: the kernel says nothing', '--while');
    return goal;
  }
  if (ENDS.some((kind) => kind === condition)) return endGoal(lab, document, condition!);
  if (condition !== undefined && condition !== 'fail') return conditionGoal(lab, document, condition);
  const failure = failureGoal(lab, document);
  if (failure !== undefined) return failure;
  if (condition === 'fail') throw new UsageError('every expectation is met', '--while');
  const { end } = observeIn(lab, document);
  if (end !== undefined) return goalOf(lab, document, end);
  const warning = warningGoal(lab, document);
  if (warning !== undefined) return warning;
  throw new UsageError('nothing is wrong with the scenario: say what to keep', '--while');
}

// SPDX-License-Identifier: GPL-2.0-only
/** Scenario documents for programs: load, run, compare, explain, shrink, record, write. */
import { type ExplainedStep, explainedLines, explainScenario as explainSteps } from '../explain/explain.js';
import { explainedJson } from '../explain/json.js';
import { goalFor } from '../fuzz/goals.js';
import { shrink } from '../fuzz/shrink.js';
import type { KernelId } from '../generations/index.js';
import { moduleAt } from '../machine/defaults.js';
import { recordedTest } from '../record/suite.js';
import { sameResult } from '../scenario/compare.js';
import { load } from '../scenario/load.js';
import type { ScenarioRun, StepResult } from '../scenario/result.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { sniffSyntax, syntaxOf } from '../scenario/syntax.js';
import { writeYaml } from '../scenario/update.js';
import { judge, type Unmet, unmetBeside, unmetText } from '../scenario/verdict.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { knownNames } from '../selftests/test_filter.js';
import { bootMachine, MachinePool } from '../session/machine-pool.js';
import { runOn } from '../session/runner.js';
import { type Overrides, Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';
import { type BootOptions, describe } from './machine.js';

/** What is to be otherwise than the document says. */
export interface ScenarioOptions extends Omit<Overrides, 'kernel'> {
  readonly kernel?: KernelId;
}

const machines = new MachinePool();

/** The documents of a text. Throws UsageError for the first mistake in it, with its place; `file` says the syntax. */
export function loadScenarios(text: string, file = 'scenario'): ScenarioDocument[] {
  const { documents, mistakes } = load(text, file, syntaxOf(file) ?? sniffSyntax(text));
  const [first, ...more] = mistakes;
  if (first === undefined) return documents.map(({ document }) => document);
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  throw new UsageError(`${first.message}${others}`, first.where);
}

export interface ScenarioResult extends ScenarioRun {
  /** Everything is as the document expects. */
  readonly passed: boolean;
  /** What is not, a line each. */
  readonly differs: readonly string[];
}

const differenceText = (unmet: Unmet): string =>
  unmet.kind === 'step' ? `step ${unmet.step}: ${unmetText(unmet)}` : unmetText(unmet);

/** Run a document on a machine of its own. Throws UsageError for a machine that cannot be. */
export function runScenario(document: ScenarioDocument, options: ScenarioOptions = {}): ScenarioResult {
  const run = runOn(machines, new Setups(options).of(document), document);
  const first = judge(document, run);
  const unmet = first === undefined ? [] : [first, ...unmetBeside(first, document, run)];
  return { ...run, passed: first === undefined, differs: unmet.map(differenceText) };
}

export interface StepDifference {
  readonly step: number;
  readonly run: Step;
  /** Undefined where the machine had ended before. */
  readonly a: StepResult | undefined;
  readonly b: StepResult | undefined;
}

/** The steps that two machines answer differently, whatever the document expects. */
export function compareScenario(
  document: ScenarioDocument,
  a: ScenarioOptions,
  b: ScenarioOptions,
): StepDifference[] {
  const [left, right] = [runScenario(document, a).results, runScenario(document, b).results];
  return document.steps.flatMap((run, step) => {
    if (sameResult(left[step], right[step])) return [];
    return { step, run, a: left[step], b: right[step] };
  });
}

export interface StepExplanation {
  readonly step: number;
  /** As `hmm-sim explain` prints it. */
  readonly lines: readonly string[];
  /** As `hmm-sim explain --json` does. */
  readonly data: object;
}

/** Why each page did, or did not do, what each step asked. Throws where the module does not load. */
export function explainScenario(
  document: ScenarioDocument,
  options: ScenarioOptions = {},
): StepExplanation[] {
  const setup = new Setups(options).of(document);
  const heading = { name: document.name, kernel: setup.generation.id };
  const told = (step: ExplainedStep): StepExplanation => ({
    step: step.index,
    lines: explainedLines(step),
    data: explainedJson(heading, step),
  });
  return [...explainSteps(bootMachine(setup), setup, document)].map(told);
}

export interface ShrinkOptions extends ScenarioOptions {
  /** As `hmm-sim shrink --while`: oops, hang, load, warning, checker, fail, "step 5 ret == ENOENT"; default: what is wrong. */
  readonly while?: string;
  /** Keep that this kernel answers differently. */
  readonly notEqualTo?: KernelId;
  /** Runs after which the best so far is good enough; default: all that it takes. */
  readonly limit?: number;
}

/** The least document that still shows it. Throws UsageError when there is nothing to show. */
export function shrinkScenario(document: ScenarioDocument, options: ShrinkOptions = {}): ScenarioDocument {
  const { while: condition, notEqualTo, limit = Number.POSITIVE_INFINITY, ...overrides } = options;
  const lab = { source: machines, setups: new Setups(overrides) };
  const other = {
    setups: new Setups({ ...overrides, kernel: notEqualTo ?? '' }),
    document: (one: ScenarioDocument) => one,
  };
  const goal = goalFor(notEqualTo === undefined ? lab : { ...lab, other }, document, condition);
  let best = goal.document;
  for (const progress of shrink(goal.document, goal.interesting)) {
    best = progress.best;
    if (progress.runs >= limit) break;
  }
  return goal.finish(best);
}

/** A test of hmm-tests as a document. Throws UsageError for a test that the kernel's suite does not have. */
export function recordTest(name: string, options: BootOptions = {}): ScenarioDocument {
  const described = describe(options);
  const description = { ...described, module: described.module ?? moduleAt([]) };
  const names = knownNames(hmmTests(description.generation), 'r');
  if (!names.includes(name)) {
    throw new UsageError(`there is no test "${name}"${didYouMean(name, names)}`, 'recordTest');
  }
  return recordedTest(name, description);
}

/** The document as YAML that load() reads. */
export function scenarioYaml(document: ScenarioDocument): string {
  return writeYaml(document);
}

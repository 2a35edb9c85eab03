// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios as one C program that takes the same steps on a real kernel: KTAP, or with --record a document with
 * what that kernel answered. The parts of its text are in export-c/; a program has those that its steps need.
 */
import type { Generation } from '../generations/index.js';
import { mirrorPagesOf } from '../scenario/actor.js';
import { type NameKind, namesOf } from '../scenario/names.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { nameNumber, ONE_AT_A_TIME } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { printable } from '../sim/printable.js';
import { CONTROLLER, KERNEL_LOG } from './controller.js';
import { answersPart, INCLUDES, PROCESS, type Sizes, sizesPart, TYPES } from './core.js';
import { cComment } from './literal.js';
import { KTAP, MAIN, RECORD } from './output.js';
import { expectedSteps, scenarioRow, stepsTable } from './table.js';
import { takersText } from './takers.js';
import { TRACING } from './tracing.js';

/** A document, and the machine that it is about. */
export interface Exported {
  readonly document: ScenarioDocument;
  readonly setup: MachineSetup;
}

export interface ExportOptions {
  /** Put the documents' expectations into the program, as tests. */
  readonly expect: boolean;
}

/** The generation whose interface the program uses. Throws UsageError when the documents need two. */
function commonGeneration(exported: readonly Exported[]): Generation {
  const [first, ...rest] = exported.map(({ setup }) => setup.generation);
  if (first === undefined) throw new UsageError('nothing to export');
  const other = rest.find(({ uapi }) => JSON.stringify(uapi) !== JSON.stringify(first.uapi));
  if (other === undefined) return first;
  throw new UsageError(
    `the documents use the interfaces of ${first.id} and ${other.id}; export them into a program each (--name), or choose one (--kernel)`,
  );
}

// --- what the program has to be able to do ----------------------------------------------------------------

/** The longest spelling of a page in an answer, with quotes and comma. */
const ELEMENT_BYTES = 48;
const OTHER_BYTES = 1024;

function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
}

function sizesOf(documents: readonly ScenarioDocument[], steps: readonly Step[]): Sizes {
  const count = (kind: NameKind): number =>
    largest(steps.flatMap((step) => namesOf(step, kind).map(nameNumber))) + 1;
  const forks = documents.map((document) => document.steps.filter(({ op }) => op === 'fork').length);
  return {
    processes: Math.max(2, count('process')),
    // Two where one would do: a compiler that sees an array of one element warns of the code for the others.
    slots: Math.max(2, largest(forks) + 1),
    fds: count('fd'),
    regions: count('region'),
    mirrorPages: mirrorPagesOf(steps.filter((step) => step.op === 'ioctl')),
    answerBytes:
      largest(steps.map((step) => definitionOf(step).c.listed(step))) * ELEMENT_BYTES + OTHER_BYTES,
  };
}

// --- the program ------------------------------------------------------------------------------------------

/** What has to be set up for the answers to be comparable, a line each. */
function conditions(exported: readonly Exported[]): string[] {
  const found = new Set<string>();
  for (const { setup } of exported) {
    const params = Object.entries(setup.module?.params ?? {}).map(([name, value]) => `${name}=${value}`);
    found.add(setup.module === null ? 'no test_hmm' : ['modprobe test_hmm', ...params].join(' '));
    found.add(`THP ${setup.thp}`);
    found.add(`${setup.hugepages} free 2 MiB huge pages`);
  }
  return [...found];
}

function headComment(exported: readonly Exported[], generation: Generation): string {
  const names = exported.map(({ document }) => document.name);
  const what = names.length === 1 ? `"${cComment(names[0]!)}"` : `${names.length} scenarios`;
  return `// SPDX-License-Identifier: GPL-2.0-only
/*
 * ${what}, exported by hmm-sim
 * for the interface of ${generation.title}.
 *
 * cc -Wall -Wextra -O2 THIS.c, then as root on x86-64:
 *   ./a.out            KTAP
 *   ./a.out --record   the scenario as JSON, with this kernel's answers as its expectations, for hmm-sim run
 *   --oops             also what is known to kill the kernel
 *   --trace            and functions that the kernel enters, for hmm-sim trace compare
 *
 * Answers are comparable with:
${conditions(exported)
  .map((line) => ` *   ${line}\n`)
  .join('')} *   no swap, the module freshly loaded
 */
`;
}

function tables(exported: readonly Exported[], options: ExportOptions): string {
  const steps = exported.map(({ document, setup }, index) =>
    stepsTable(document, index, setup.generation, options.expect),
  );
  const rows = exported.map(({ document, setup }, index) =>
    scenarioRow(document, index, setup.generation, options.expect),
  );
  return `${steps.join('')}
static const struct scenario scenarios[] = {
${rows.join('\n')}
};

#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))
`;
}

/** How many steps of the documents expect something: the tests that `expect` makes. */
export function countExpectations(documents: readonly ScenarioDocument[]): number {
  return documents.reduce((sum, document) => sum + expectedSteps(document), 0);
}

/** Throws UsageError for a document with a step that no program can take. */
function refuseImpossible({ name, steps }: ScenarioDocument): void {
  for (const [index, step] of steps.entries()) {
    const inThread = 'thread' in step && step.thread !== undefined;
    const why = inThread ? ONE_AT_A_TIME : definitionOf(step).c.impossible?.(step);
    if (why !== undefined) throw new UsageError(`${printable(name)}: step ${index}, ${step.op}: ${why}`);
  }
}

/** The text of the program. Throws UsageError when one program cannot hold these documents. */
export function exportC(exported: readonly Exported[], options: ExportOptions): string {
  const generation = commonGeneration(exported);
  const documents = exported.map(({ document }) => document);
  const steps = documents.flatMap((document) => document.steps);
  for (const document of documents) refuseImpossible(document);
  return [
    headComment(exported, generation),
    INCLUDES,
    sizesPart(sizesOf(documents, steps)),
    TYPES,
    answersPart(),
    takersText(steps, generation),
    TRACING,
    PROCESS,
    tables(exported, options),
    KERNEL_LOG,
    CONTROLLER,
    KTAP,
    RECORD,
    MAIN,
  ].join('');
}

// SPDX-License-Identifier: GPL-2.0-only
/** Scenarios as tables in C: an initialiser for each step. */
import type { Generation } from '../generations/index.js';
import { unfold } from '../scenario/folded.js';
import { MAX_PAGES, type ScenarioDocument, type Step } from '../scenario/schema.js';
import { type CField, nameNumber } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import { cComment, cString, initialiser } from './literal.js';
import { partsOf } from './takers.js';

/** JSON that the program keeps with ' for ": no value in a step has either in it. */
function quoted(value: unknown): string {
  return cString(JSON.stringify(value).replaceAll('"', "'"));
}

/** What a program compares has no runs folded. */
const spelledOut = (value: unknown): unknown => (Array.isArray(value) ? unfold(value, MAX_PAGES) : value);

function expectField(expect: Step['expect']): CField[] {
  const pairs = Object.entries(expect ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return [];
  return [
    [
      'expect',
      `EXPECT(${pairs.map(([key, value]) => `{ "${key}", ${quoted(spelledOut(value))} }`).join(', ')})`,
    ],
  ];
}

/** Places in the program's table of processes: of the child that the step makes, and of those that it may name. */
interface Slots {
  readonly own: number;
  readonly ofName: ReadonlyMap<string, number>;
}

function stepText(step: Step, generation: Generation, slots: Slots, expects: boolean): string {
  const { expect, ...bare } = step;
  const as = step.as ?? 'p0';
  const { c } = definitionOf(step);
  const taker = c.taker(step);
  const rows = [
    initialiser([
      ['take', taker === null ? 'NULL' : `take_${taker}`],
      ['as', nameNumber(as)],
      ...c.fields(step, generation),
      ['slot', slots.own],
      ['other', 'of' in step && step.of !== undefined ? (slots.ofName.get(step.of) ?? 0) : 0],
    ]),
    initialiser([['json', quoted({ as, ...bare })]]),
    ...(expects ? expectField(expect).map((field) => initialiser([field])) : []),
  ];
  return `\t{ ${rows.join(',\n\t  ')} },`;
}

/** Does the document say that a step kills the kernel? */
function oopses({ steps }: ScenarioDocument): boolean {
  return steps.some(({ expect }) => expect?.oops !== undefined || expect?.hang !== undefined);
}

/** Minors that the scenario opens and that a machine set up as the document says has: one bit each. */
function devicesOf({ steps, machine }: ScenarioDocument, { ndevices }: Generation): number {
  const usual = machine?.profile === undefined ? [0, 0] : [];
  const coherent = (machine?.spm ?? usual).filter((address) => address !== null).length === 2;
  const present = machine?.module === false ? 0 : coherent ? ndevices : Math.min(2, ndevices);
  let bits = 0;
  for (const step of steps) {
    if (step.op !== 'open' || typeof step.device === 'string') continue;
    if (step.device < present) bits |= 1 << step.device;
  }
  return bits;
}

/** The document up to its steps, as JSON without the braces. */
function headOf({ name, machine }: ScenarioDocument, { id }: Generation): string {
  return JSON.stringify({ name, kernel: id, machine }).slice(1, -1);
}

/** What p0 does before its first step. */
function setupsOf({ steps }: ScenarioDocument): string[] {
  return partsOf(steps).flatMap(({ setup }) => setup ?? []);
}

/** The steps of a scenario as a table. An empty one has a member that is never looked at: C wants one. */
export function stepsTable(
  { name, steps }: ScenarioDocument,
  index: number,
  generation: Generation,
  expects: boolean,
): string {
  /** By name, of those that the program has forked so far. */
  const slots = new Map([['p0', 0]]);
  let forks = 0;
  const rows = steps.map((step) => {
    if (step.op === 'fork') slots.set(step.child, ++forks);
    return stepText(step, generation, { own: step.op === 'fork' ? forks : 0, ofName: slots }, expects);
  });
  if (rows.length === 0) rows.push('\t{ .take = NULL },');
  return `\n/* ${cComment(name)} */\nstatic const struct step steps_${index}[] = {\n${rows.join('\n')}\n};\n`;
}

/** How many steps expect something. */
export function expectedSteps({ steps }: ScenarioDocument): number {
  return steps.filter(({ expect }) => expectField(expect).length > 0).length;
}

/** A row of the table of scenarios. */
export function scenarioRow(
  document: ScenarioDocument,
  index: number,
  generation: Generation,
  expects: boolean,
): string {
  const setups = setupsOf(document);
  const devices = devicesOf(document, generation);
  const fields = initialiser([
    ['steps', `steps_${index}`],
    ['nr_steps', document.steps.length],
    ['nr_expected', expects ? expectedSteps(document) : 0],
    ['devices', devices === 0 ? 0 : `0x${devices.toString(16)}`],
    ['gup', setups.includes('open_gup_test') ? 'true' : 0],
    ['oopses', oopses(document) ? 'true' : 0],
    ['setups', setups.length === 0 ? 0 : `{ ${setups.join(', ')} }`],
  ]);
  return `\t{ .name = ${cString(document.name)},\n\t  .head = ${cString(headOf(document, generation))},\n\t  ${fields} },`;
}

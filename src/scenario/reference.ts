// SPDX-License-Identifier: GPL-2.0-only
/** What there is to say about a command that is a step, from the schema: its fields, an example, what answers it. */
import { stringify } from 'yaml';
import { z } from 'zod';
import { canonicalStep } from './canonical-step.js';
import { formOf } from './diagnose.js';
import type { Step } from './schema.js';
import { fieldsOf, isOptional, shapeOf } from './shape.js';
import type { StepCommand } from './step-commands.js';
import type { Fields } from './steps/contract.js';
import { definitionOf } from './steps/index.js';
import { DEFAULTS } from './steps/kernel-names.js';
import type { CommandContext } from './steps/words.js';

/** Words to show a usage with. */
const EXAMPLES: Readonly<Record<string, string>> = {
  CGROUP: 'c0',
  BYTES: '64K',
  FD: 'd0',
  RANGE: 'r0[0..3]',
  REGION: 'r0',
  PLACE: 'r1[0]',
  PROCESS: 'p1',
  DEVICE: '0',
  DISK: 'pmem0',
  REQUEST: '0',
  PAGES: '4',
  WORD: '64',
  NR: '0',
  NODES: '1',
  NODE: '1',
  OFFSET: '0',
  NPAGES: '1',
  SIGNAL: 'SIGABRT',
  VALUE: '1',
};

/** The words of a usage that must be there, as an example. */
export function exampleWords(usage: string): string[] {
  const needed = usage.replace(/\[[^\]]*\]/g, '').trim();
  if (needed === '') return [];
  return needed.split(/\s+/).map((word) => {
    const [first] = word.split('|') as [string];
    return EXAMPLES[first] ?? first;
  });
}

/** The step that the example is. */
export function exampleStep({ op, usage, fields }: StepCommand, migrateHasDirection: boolean): Fields {
  const context: CommandContext = { as: 'p0', pagesOf: () => 4, migrateHasDirection };
  return canonicalStep({ op, ...fields(exampleWords(usage), context) }, context);
}

/** What the schema wants there: its complaint about what can be nothing. */
function wanted(step: Fields, field: string): string {
  const complaints = formOf({ name: 'a', steps: [{ ...step, [field]: null }] });
  const about = complaints.find(({ path }) => path[2] === field && path.length === 3);
  return about?.message.replace(/^expected /, '').replace(/, got null$/, '') ?? 'anything';
}

function fieldLines(step: Fields): string[] {
  const fields = Object.entries(fieldsOf(step)).filter(
    ([name]) => !['as', 'op', 'cmd', 'expect'].includes(name),
  );
  const defaults = { ...DEFAULTS[step.op as string], ...DEFAULTS[String(step.cmd)] };
  return fields.map(([name, schema]) => {
    const otherwise = name in defaults ? `; ${defaults[name]} unless told` : '';
    const left = otherwise === '' && isOptional(schema) ? ' (may be left out)' : otherwise;
    return `  ${name.padEnd(9)} ${wanted(step, name)}${left}`;
  });
}

function answerKeys(step: Fields): string {
  const { expect } = fieldsOf(step);
  return Object.keys(shapeOf(expect instanceof z.ZodOptional ? expect.unwrap() : expect!)).join(', ');
}

/** The lines behind a command's usage. */
export function referenceLines(command: StepCommand, migrateHasDirection: boolean): string[] {
  const step = exampleStep(command, migrateHasDirection);
  const { fn, errnos } = definitionOf(step as unknown as Step).answers(step as unknown as Step);
  const text = stringify(step, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  return [
    ...fieldLines(step),
    `  answers   ${answerKeys(step)}`,
    `  from      ${fn}${errnos.length === 0 ? '' : `, which may say ${errnos.join(', ')}`}`,
    `  example   ${[command.name, ...exampleWords(command.usage)].join(' ')}`,
    `  as YAML   ${text}`,
  ];
}

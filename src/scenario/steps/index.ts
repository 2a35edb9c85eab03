// SPDX-License-Identifier: GPL-2.0-only
/** All steps, by their names; the order is that of the schema, the help and the C program. */
import type { z } from 'zod';
import { access } from './access.js';
import { advice } from './advice.js';
import type { Contract } from './contract.js';
import { dmirror } from './devices/dmirror.js';
import { files } from './devices/files.js';
import { gup } from './devices/gup.js';
import { holding } from './devices/holding.js';
import { outside } from './devices/outside.js';
import { cgroups } from './files/cgroups.js';
import { dax } from './files/dax.js';
import { memfd } from './files/memfd.js';
import { scratch } from './files/scratch.js';
import { sync } from './files/sync.js';
import { memory } from './memory.js';
import { numa } from './numa.js';
import { poison } from './poison.js';
import { processes } from './processes.js';
import { remap } from './remap.js';
import { remote } from './remote.js';
import { residency } from './residency.js';
import { special } from './special.js';
import { userfaults } from './uffd.js';

export const steps = {
  ...files,
  ...memory,
  ...remap,
  ...advice,
  ...access,
  ...dmirror,
  ...outside,
  ...gup,
  ...holding,
  ...memfd,
  ...sync,
  ...dax,
  ...cgroups,
  ...scratch,
  ...remote,
  ...residency,
  ...special,
  ...numa,
  ...userfaults,
  ...processes,
  ...poison,
};

type Steps = typeof steps;

export type Op = keyof Steps;

export type StepOf<Name extends Op> = z.infer<Steps[Name]['schema']>;

export type Step = { readonly [Name in Op]: StepOf<Name> }[Op];

/** The C functions that take steps. */
export type Taker = { readonly [Name in Op]: Steps[Name]['c']['takers'][number] }[Op];

/** What fuzz counts steps under. */
export type Token = { readonly [Name in Op]: keyof Steps[Name]['draws'] & string }[Op];

/** The definition of a step, whichever it is. */
export function definitionOf(step: Step): Contract<Step, Taker, Token> {
  return steps[step.op] as unknown as Contract<Step, Taker, Token>;
}

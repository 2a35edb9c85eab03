// SPDX-License-Identifier: GPL-2.0-only
/** The commands of all steps, by their names. */
import { type Op, steps } from './steps/index.js';
import type { ShellCommand } from './steps/words.js';

/** A command that is a step: its words, and the op. */
export interface StepCommand extends ShellCommand {
  readonly name: string;
  readonly op: Op;
}

export const STEP_COMMANDS: Readonly<Record<string, StepCommand>> = Object.fromEntries(
  Object.entries(steps).flatMap(([op, { shell }]) =>
    Object.entries<ShellCommand>(shell).map(([name, command]) => [name, { ...command, name, op: op as Op }]),
  ),
);

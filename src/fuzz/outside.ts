// SPDX-License-Identifier: GPL-2.0-only
/** Scenarios for drivers from outside of the tree: those of test_hmm, with its devices and commands changed for theirs. */
import type { Generation } from '../generations/index.js';
import type { Insmod } from '../machine/registry.js';
import { Dice } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';

/** What there is of them to be drawn. */
interface Theirs {
  /** Names below /dev. */
  readonly devices: readonly string[];
  readonly commands: readonly string[];
  /** Of the commands. */
  readonly requests: readonly number[];
}

/** What tells these draws from those of the scenario. */
const STREAM = 0x5ee_d0de;

/** Words that a struct is made of where nobody means anything by it. */
const NONSENSE = [
  '0000000000000000',
  '0100000000000000',
  'ffffffffffffffff',
  '0010000000000000',
  'r0',
  'r1[1]',
  'r0[3]',
] as const;

function theirsOf(drivers: readonly Insmod[], generation: Generation): Theirs {
  const modules = drivers.map(({ driver }) => driver.module);
  const devices = modules.flatMap((module) => module.devices(generation));
  const steps = modules.flatMap(({ name, steps = {} }) =>
    Object.entries(steps).map(([command, { request }]) => ({ command: `${name}.${command}`, request })),
  );
  return {
    devices: devices.flatMap((line) => /^\/dev\/([a-z][a-z0-9_-]*)/.exec(line)?.[1] ?? []),
    commands: steps.map(({ command }) => command),
    requests: steps.map(({ request }) => request),
  };
}

type Drawn = { readonly as?: string | undefined; readonly fd: string };

function nonsense({ as, fd }: Drawn, { requests }: Theirs, dice: Dice): Step {
  const struct = Array.from({ length: dice.between(1, 8) }, () => dice.pick(NONSENSE));
  return { as, op: 'ioctl_bytes', fd, request: dice.pick(requests), struct: [...struct] };
}

function changed(step: Step, theirs: Theirs, dice: Dice): Step {
  const { devices, commands } = theirs;
  if (step.op === 'open' && devices.length > 0) return { ...step, device: dice.pick(devices) };
  if (commands.length === 0) return step;
  if (step.op === 'ioctl_raw') return nonsense(step, theirs, dice);
  if (step.op !== 'ioctl') return step;
  const { as, fd, region = 'r0', page = 0, pages = 1 } = step;
  const word = dice.once(4) ? { word: 64 * dice.between(1, 1000) } : {};
  return { as, op: 'driver', fd, command: dice.pick(commands), region, page, pages, ...word };
}

/** The scenario for `drivers`; as it is where there are none. The same for the same arguments. */
export function forDrivers(
  document: ScenarioDocument,
  seed: number,
  drivers: readonly Insmod[],
  generation: Generation,
): ScenarioDocument {
  if (drivers.length === 0) return document;
  const theirs = theirsOf(drivers, generation);
  const dice = new Dice(seed + STREAM);
  return { ...document, steps: document.steps.map((step) => changed(step, theirs, dice)) };
}

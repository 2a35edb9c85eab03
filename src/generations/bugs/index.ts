// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bugs of the real kernel, driver and series, each on a switch: what a kernel with the bug does otherwise, as overrides
 * of the behaviours. `--bug` turns one on, `--fix` turns it off in a kernel that has it.
 */
import { UsageError } from '../../sim/errors.js';
import { didYouMean } from '../../sim/suggest.js';
import type { Kernels } from '../behaviours/entry.js';
import { type BehaviourName, type Behaviours, registry } from '../behaviours/index.js';
import { type Generation, generations } from '../index.js';
import { driverBugs } from './driver.js';
import { gpuBugs } from './gpu.js';
import { memoryBugs } from './memory.js';
import { moduleBugs } from './module.js';

/** Where the bug ended. */
export interface BugFix {
  /** Subject of the upstream commit. */
  readonly subject?: string;
  /** Its hash, as far as known. */
  readonly commit?: string;
  readonly cve?: string;
  /** Where there is no such commit: how it ended. */
  readonly note?: string;
}

/** What is known of a bug, whether or not it is on a switch here. */
export interface BugFacts {
  readonly title: string;
  /** What one sees of it. */
  readonly symptom: string;
  /** Kernel functions, those first that an oops, WARN or hang names, then those that are wrong. */
  readonly functions: readonly string[];
  readonly fix: BugFix;
}

export interface Bug extends BugFacts {
  readonly id: string;
  /** What the code does wrong. */
  readonly mechanism: string;
  /** Kernels that had it, in words. */
  readonly existed: string;
  /** The same as data. */
  readonly kernels: Kernels;
  /** A kernel with the bug has these. */
  readonly overrides: Partial<Behaviours>;
  /** A kernel without it has these; by default the opposites. */
  readonly fixed?: Partial<Behaviours>;
  /** What its scenario reports when the switch is turned. */
  readonly shows: string;
  /** Only the invariant checkers see it. */
  readonly check?: true;
}

/** In the order of the list: modules first, then the driver, then the memory core, then drivers of GPUs. */
export const bugs: readonly Bug[] = [...moduleBugs, ...driverBugs, ...memoryBugs, ...gpuBugs];

const byId = new Map(bugs.map((bug) => [bug.id, bug]));

/** Throws UsageError, naming the nearest id. `where` is the option or the document's key. */
export function bugById(id: string, where: string): Bug {
  const bug = byId.get(id);
  if (bug !== undefined) return bug;
  const near = didYouMean(id, [...byId.keys()]);
  throw new UsageError(`unknown bug "${id}"${near}; "hmm-sim bugs" lists them`, where);
}

/** Does this kernel have the bug, without anybody asking for it? */
export function hasBug({ behaviours }: Generation, { overrides }: Bug): boolean {
  const names = Object.keys(overrides) as BehaviourName[];
  return names.every((name) => behaviours[name] === overrides[name]);
}

/** Whether the bug is one of test_hmm, and the generation has another driver. */
function isElsewhere({ testModule }: Generation, { overrides }: Bug): boolean {
  const names = Object.keys(overrides) as BehaviourName[];
  return testModule !== undefined && names.every((name) => /test_hmm|dmirror/.test(registry[name].source));
}

/** The generations that could have the bug. */
export function generationsOf(bug: Bug): Generation[] {
  return generations.filter((generation) => !isElsewhere(generation, bug));
}

/** The generations that have the bug as they are. */
export function generationsWith(bug: Bug): Generation[] {
  return generationsOf(bug).filter((generation) => hasBug(generation, bug));
}

/** Which of the switches change nothing on this kernel, as texts. */
export function withoutEffect(kernel: string, bugs: readonly string[], fixes: readonly string[]): string[] {
  const generation = generations.find(({ id }) => id === kernel)!;
  const has = (id: string) => hasBug(generation, byId.get(id)!);
  return [
    ...bugs.filter(has).map((id) => `--bug ${id} changes nothing: ${kernel} has that bug`),
    ...fixes
      .filter((id) => !has(id))
      .map((id) => `--fix ${id} changes nothing: ${kernel} does not have that bug`),
  ];
}

/** What turning the bug off means. */
function fixOf({ overrides, fixed }: Bug): Partial<Behaviours> {
  if (fixed !== undefined) return fixed;
  return Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, !value]));
}

const altered = new Map<string, Generation>();

/**
 * `generation` with the bugs of `on` and without those of `off`; one object for each combination.
 * Throws UsageError for an id that is unknown, or in both lists.
 */
export function withBugs(
  generation: Generation,
  on: readonly string[] = [],
  off: readonly string[] = [],
): Generation {
  if (on.length === 0 && off.length === 0) return generation;
  const both = on.find((id) => off.includes(id));
  if (both !== undefined) throw new UsageError(`"${both}" is to be fixed as well`, '--bug');
  const key = [generation.id, ...[...on].sort(), '', ...[...off].sort()].join(' ');
  const known = altered.get(key);
  if (known !== undefined) return known;
  const overrides = [
    ...off.map((id) => fixOf(bugById(id, '--fix'))),
    ...on.map((id) => bugById(id, '--bug').overrides),
  ];
  const behaviours: Behaviours = Object.assign({}, generation.behaviours, ...overrides);
  const result = { ...generation, behaviours };
  altered.set(key, result);
  return result;
}

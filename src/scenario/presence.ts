// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who is there, and what is mapped, as the steps of a document come to have it: what no kernel would complain of and
 * yet nobody means. A process that was never forked, one that is forked twice, a region mapped over.
 */
import { rangeText } from './place.js';
import type { StepResult } from './result.js';
import type { Step } from './schema.js';
import type { Range } from './steps/contract.js';
import { definitionOf } from './steps/index.js';

/** What is wrong with a step: the field that says so, and why. */
export interface Absurdity {
  readonly field: string;
  readonly message: string;
}

/** Pages of a region, [from, to). */
type Extent = readonly [from: number, to: number];

/** By region. */
type Mappings = Map<string, readonly Extent[]>;

/** Steps of strangers may map without end; beyond this much nobody looks any more. */
const BUDGET = 1_000_000;

const meet = ([from, to]: Extent, [start, end]: Extent): boolean => from < end && start < to;

/** `extents` without `gone`. */
function without(extents: readonly Extent[], gone: Extent): Extent[] {
  return extents.flatMap((extent): Extent[] => {
    if (!meet(extent, gone)) return [extent];
    const rest: Extent[] = [
      [extent[0], gone[0]],
      [gone[1], extent[1]],
    ];
    return rest.filter(([from, to]) => from < to);
  });
}

const extentOf = ({ page, pages }: Range): Extent => [page, page + pages];

export class Presence {
  readonly #mappings = new Map<string, Mappings>([['p0', new Map()]]);
  /** Those that a child has from its parent, or a parent gave: copied before they change. */
  readonly #shared = new Set<Mappings>();
  #budget = BUDGET;

  /** Is there such a process, or was there? */
  knows(process: string): boolean {
    return this.#mappings.has(process);
  }

  suppose(process: string): void {
    this.#mappings.set(process, new Map());
  }

  /** Why nobody can mean this step, coming after those that were noted. */
  absurdity(step: Step): Absurdity | undefined {
    const { as = 'p0' } = step;
    if (!this.knows(as)) {
      const known = [...this.#mappings.keys()].slice(0, 8).join(', ');
      return { field: 'as', message: `there is no process ${as} before a fork makes it; there are ${known}` };
    }
    if (step.op === 'fork' && this.knows(step.child)) {
      const why = step.child === 'p0' ? 'is the first process' : 'was forked before';
      return { field: 'child', message: `${step.child} ${why}; expected a process that is new` };
    }
    return step.op === 'mmap' ? this.#mappedOver(step) : undefined;
  }

  #mappedOver(step: Step & { op: 'mmap' }): Absurdity | undefined {
    const range = definitionOf(step).maps!(step);
    if (step.replace === true || step.expect?.ret || !this.#has(step.as, range)) return undefined;
    const where = rangeText(range.region, range.page, range.pages);
    return {
      field: 'region',
      message: `something is mapped at ${where} already; say "replace: true" (MAP_FIXED) to map over it`,
    };
  }

  #has(as = 'p0', range: Range): boolean {
    const extents = this.#mappings.get(as)?.get(range.region) ?? [];
    this.#budget -= extents.length;
    return this.#budget > 0 && extents.some((extent) => meet(extent, extentOf(range)));
  }

  /** The step was taken, or is expected to answer so. */
  note(step: Step, { ret = 0 }: StepResult = {}): void {
    const { as = 'p0' } = step;
    // Whoever could not be forked is named all the same by the steps that find him gone.
    if (step.op === 'fork') this.#mappings.set(step.child, ret === 0 ? this.#share(as) : new Map());
    if (ret !== 0) return;
    const { leaves, maps } = definitionOf(step);
    if ((step.op === 'munmap' || step.op === 'mremap') && !leaves?.(step)) this.#change(as, step, false);
    const mapped = maps?.(step);
    if (mapped !== undefined) this.#change(as, mapped, true);
  }

  #share(process: string): Mappings {
    const mappings = this.#mappings.get(process) ?? new Map();
    this.#shared.add(mappings);
    return mappings;
  }

  /** What the process has mapped, to be changed. */
  #own(process: string): Mappings {
    const mappings = this.#mappings.get(process);
    if (mappings !== undefined && !this.#shared.has(mappings)) return mappings;
    const own: Mappings = new Map(mappings);
    this.#budget -= own.size;
    this.#mappings.set(process, own);
    return own;
  }

  #change(process: string, range: Range, mapped: boolean): void {
    const mappings = this.#own(process);
    const extents = mappings.get(range.region) ?? [];
    this.#budget -= extents.length;
    if (this.#budget <= 0) return;
    const rest = without(extents, extentOf(range));
    mappings.set(range.region, mapped ? [...rest, extentOf(range)] : rest);
  }
}

/** The first absurdity of each step that has one, by the step's index. */
export function absurditiesOf(steps: readonly Step[]): (Absurdity & { readonly step: number })[] {
  const presence = new Presence();
  const found: (Absurdity & { readonly step: number })[] = [];
  for (const [index, step] of steps.entries()) {
    const absurdity = presence.absurdity(step);
    if (absurdity !== undefined) found.push({ step: index, ...absurdity });
    // Said once of each process.
    if (absurdity?.field === 'as') presence.suppose(step.as!);
    else if (absurdity?.field !== 'child') presence.note(step, step.expect);
  }
  return found;
}

/** Do all steps have somebody to take them, and every child one birth? */
export function isPeopled(steps: readonly Step[]): boolean {
  const known = new Set(['p0']);
  return steps.every(({ as = 'p0', ...step }) => {
    if (!known.has(as)) return false;
    return step.op !== 'fork' || (!known.has(step.child) && known.add(step.child) !== undefined);
  });
}

/** The steps with "replace" where they map over something, as documents have to say it. */
export function sayingReplace(steps: readonly Step[]): readonly Step[] {
  const over = new Set(absurditiesOf(steps).flatMap(({ step, field }) => (field === 'region' ? [step] : [])));
  if (over.size === 0) return steps;
  return steps.map((step, index) => (over.has(index) ? ({ ...step, replace: true } as Step) : step));
}

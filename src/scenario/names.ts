// SPDX-License-Identifier: GPL-2.0-only
/** The names of processes, regions and fds in steps, wherever a step has them. */
import type { Step } from './schema.js';
import type { Fields } from './steps/contract.js';
import { definitionOf } from './steps/index.js';

export type NameKind = 'process' | 'region' | 'fd';

type Path = readonly string[];

const OWN: Readonly<Record<NameKind, Path>> = { process: ['as'], region: ['region'], fd: ['fd'] };

function pathsOf(step: Step, kind: NameKind): readonly Path[] {
  const { naming } = definitionOf(step);
  const more = kind === 'process' ? naming.processes : kind === 'region' ? naming.regions : undefined;
  return [OWN[kind], ...(more ?? [])];
}

function at(step: Step, path: Path): unknown {
  let value: unknown = step;
  for (const key of path) value = (value as Fields | undefined)?.[key];
  return value;
}

function replaced(value: Fields, [key, ...rest]: Path, name: string): Fields {
  return { ...value, [key!]: rest.length === 0 ? name : replaced(value[key!] as Fields, rest, name) };
}

/** p0 acts where nobody is named. */
const nameAt = (step: Step, path: Path): unknown =>
  at(step, path) ?? (path === OWN.process ? 'p0' : undefined);

export function namesOf(step: Step, kind: NameKind): string[] {
  return pathsOf(step, kind)
    .map((path) => nameAt(step, path))
    .filter((name) => typeof name === 'string');
}

/** The step with one name in place of another, everywhere. */
export function renamed(step: Step, kind: NameKind, from: string, to: string): Step {
  let result: Fields = step;
  for (const path of pathsOf(step, kind)) {
    if (nameAt(step, path) === from) result = replaced(result, path, to);
  }
  return result as Step;
}

/** Processes that there are at some time. */
export function processesOf(steps: readonly Step[]): ReadonlySet<string> {
  const made = steps.flatMap((step) =>
    pathsOf(step, 'process')
      .slice(1)
      .map((path) => at(step, path) as string),
  );
  return new Set(['p0', ...made]);
}

/** Regions that something is mapped at, at some time, with how many pages each reaches. */
export function regionsOf(steps: readonly Step[]): ReadonlyMap<string, number> {
  const reach = new Map<string, number>();
  for (const step of steps) {
    const range = definitionOf(step).maps?.(step);
    if (range === undefined) continue;
    reach.set(range.region, Math.max(reach.get(range.region) ?? 0, range.page + range.pages));
  }
  return reach;
}

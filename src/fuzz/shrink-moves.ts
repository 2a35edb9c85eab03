// SPDX-License-Identifier: GPL-2.0-only
/**
 * Ways to make a scenario smaller, each a list of smaller scenarios. None ever makes anything larger, so whoever takes
 * what they offer comes to an end.
 */
import { fold, unfold } from '../scenario/folded.js';
import { type NameKind, namesOf, renamed } from '../scenario/names.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { type Fields, smaller } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import { WORDS_PER_PAGE } from '../sim/contents.js';

/** A step, and its index in the scenario that all began with: an identity that survives all moves. */
export interface Item {
  readonly id: number;
  readonly step: Step;
}

export interface Trial {
  /** All but the steps. */
  readonly head: Omit<ScenarioDocument, 'steps'>;
  readonly items: readonly Item[];
}

export function trialOf({ steps, ...head }: ScenarioDocument): Trial {
  return { head, items: steps.map((step, id) => ({ id, step })) };
}

export function documentOf({ head, items }: Trial): ScenarioDocument {
  return { ...head, steps: items.map(({ step }) => step) };
}

/** Take this offer or the next; `taken` says what became of the last one. */
export type Move = (trial: Trial) => Iterable<Trial>;

/** `step` with other fields; undefined takes one out. */
function changed(step: Step, fields: Fields): Step {
  const entries = Object.entries({ ...step, ...fields }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Step;
}

function withItem(trial: Trial, index: number, step: Step): Trial {
  const items = [...trial.items];
  items[index] = { id: items[index]!.id, step };
  return { ...trial, items };
}

function mapSteps(trial: Trial, change: (step: Step) => Step): Trial {
  return { ...trial, items: trial.items.map(({ id, step }) => ({ id, step: change(step) })) };
}

// --- names ----------------------------------------------------------------------------------------------

const number = (name: string): number => Number(name.slice(1));

/** Names of a kind in steps, the highest first. */
function namesIn(trial: Trial, kind: NameKind): string[] {
  const names = new Set(trial.items.flatMap(({ step }) => namesOf(step, kind)));
  return [...names].sort((a, b) => number(b) - number(a));
}

/** Each name replaced by each lower one, whether that is in use or not. */
function* lowered(trial: Trial, kind: NameKind, names = namesIn(trial, kind)): Iterable<Trial> {
  for (const from of names) {
    for (let lower = 0; lower < number(from); lower++) {
      const to = `${from[0]}${lower}`;
      yield mapSteps(trial, (step) => renamed(step, kind, from, to));
    }
  }
}

/** What a child does, done by another process, without the fork. */
export function* mergeProcesses(trial: Trial): Iterable<Trial> {
  const names = namesIn(trial, 'process').filter((name) => name !== 'p0');
  for (const from of names) {
    const unforked = {
      ...trial,
      items: trial.items.filter(({ step }) => step.op !== 'fork' || step.child !== from),
    };
    yield* lowered(unforked, 'process', [from]);
  }
  yield* lowered(trial, 'process', names);
}

export function mergeRegions(trial: Trial): Iterable<Trial> {
  return lowered(trial, 'region');
}

export function mergeFds(trial: Trial): Iterable<Trial> {
  return lowered(trial, 'fd');
}

// --- pages ----------------------------------------------------------------------------------------------

type Ranged = Extract<Step, { page: number; pages: number }>;

function isRanged(step: Step): step is Ranged {
  return 'page' in step && step.page !== undefined && 'pages' in step && step.pages !== undefined;
}

/** An expectation with only those pages that `keep` likes, by their position in the range. */
function filteredExpect({ expect, pages }: Ranged, keep: (index: number) => boolean): unknown {
  if (expect === undefined) return undefined;
  const entries = Object.entries(expect).map(([key, value]) => {
    return [
      key,
      Array.isArray(value)
        ? fold(unfold(value, pages).filter((_, index) => keep(index)) as (number | string)[])
        : value,
    ];
  });
  return Object.fromEntries(entries);
}

/** The word of the page that is `pages` behind the first: each page is of one word, or each word differs by `step`. */
function laterWord(step: Step, pages: number): number | undefined {
  const { word, step: each } = step as { word?: number; step?: number };
  if (word === undefined) return undefined;
  return (word + (each === undefined ? pages : pages * WORDS_PER_PAGE * each)) >>> 0;
}

/** Pages [from, to) of a region, taken out of a range of it. */
function cutRange(step: Ranged, from: number, to: number): Step {
  const end = step.page + step.pages;
  const below = (at: number): number => Math.max(0, Math.min(at, to) - from);
  const pages = step.pages - (below(end) - below(step.page));
  // A range that was empty before stays so; another must not become it.
  if (pages === 0 && step.pages > 0) return step;
  const keep = (index: number) => step.page + index < from || step.page + index >= to;
  const page = step.page - below(step.page);
  const cut = { page, pages, expect: filteredExpect(step, keep) };
  // Page i holds the word `word + i`: what is left keeps its words, where only the beginning is cut off.
  const shift = from <= step.page && 'word' in step ? Math.min(step.pages, Math.max(0, to - step.page)) : 0;
  return changed(step, shift === 0 ? cut : { ...cut, word: laterWord(step, shift) });
}

function cutRegion(step: Step, region: string, from: number, to: number): Step {
  if (!('region' in step) || step.region !== region) return step;
  if (step.op === 'mmap') {
    const { page = 0 } = step;
    const below = (at: number): number => Math.max(0, Math.min(at, to) - from);
    const pages = step.pages - (below(page + step.pages) - below(page));
    const moved = step.page === undefined ? {} : { page: page - below(page) };
    return pages === 0 ? step : changed(step, { pages, ...moved });
  }
  return isRanged(step) ? cutRange(step, from, to) : step;
}

function extent(trial: Trial, region: string): number {
  const ends = trial.items.map(({ step }) => {
    if (!('region' in step) || step.region !== region) return 0;
    if (step.op === 'mmap') return (step.page ?? 0) + step.pages;
    return isRanged(step) ? step.page + step.pages : 0;
  });
  return Math.max(0, ...ends);
}

/** In how many parts at most a region is cut: more would take too long where regions are large. */
const MAX_PARTS = 64;

/** Pages taken out of a region in all steps at once, in ever smaller parts, from its end. */
export function* cutPages(trial: Trial): Iterable<Trial> {
  for (const region of namesIn(trial, 'region')) {
    const size = extent(trial, region);
    for (let part = Math.floor(size / 2); part > 0 && part * MAX_PARTS >= size; part = Math.floor(part / 2)) {
      for (let to = size; to > 0; to -= part) {
        yield mapSteps(trial, (step) => cutRegion(step, region, Math.max(0, to - part), to));
      }
    }
  }
}

/** The range without its first `gone` pages; those that are left keep their words. */
function beheaded(step: Ranged, gone: number): Step {
  const expect = filteredExpect(step, (index) => index >= gone);
  const cut = { page: step.page + gone, pages: step.pages - gone, expect };
  return changed(step, 'word' in step ? { ...cut, word: laterWord(step, gone) } : cut);
}

/** Fewer pages come before lower ones: a range that loses its head begins further up. */
function* narrowed(step: Ranged): Iterable<Step> {
  for (const pages of smaller(step.pages, 1)) {
    const expect = filteredExpect(step, (index) => index < pages);
    yield changed(step, { pages, expect });
    yield beheaded(step, step.pages - pages);
  }
  for (const page of smaller(step.page, 0)) yield changed(step, { page });
}

// --- values ---------------------------------------------------------------------------------------------

/** Each step with a smaller range or a plainer value. */
export function* simplifySteps(trial: Trial): Iterable<Trial> {
  for (const [index, { step }] of trial.items.entries()) {
    if (isRanged(step)) for (const other of narrowed(step)) yield withItem(trial, index, other);
    if ('thread' in step && step.thread !== undefined && step.op !== 'await')
      yield withItem(trial, index, changed(step, { thread: undefined }));
    for (const fields of definitionOf(step).plainer(step))
      yield withItem(trial, index, changed(step, fields));
  }
}

/** The recording conditions instead of what the document asks for. */
export function* simplifyMachine(trial: Trial): Iterable<Trial> {
  const { machine } = trial.head;
  for (const key of Object.keys(machine ?? {}).filter((key) => key !== 'bugs')) {
    const { [key as keyof typeof machine]: _, ...rest } = machine!;
    const { machine: __, ...head } = trial.head;
    yield { ...trial, head: Object.keys(rest).length === 0 ? head : { ...head, machine: rest } };
  }
}

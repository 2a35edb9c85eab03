// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a step is: everything that the rest of the house has to know of it, in one definition.
 *
 * A family (files, memory, dmirror ...) exports its definitions by the name of the step; `index.ts` puts the families
 * together. Schema, session, shell, explain, fuzz, shrink and export read that table, so that a step which lacks
 * anything is a type error in its own family.
 */
import type { z } from 'zod';
import type { Generation } from '../../generations/index.js';
import type { Task } from '../../sim/task.js';
import type { Sys } from '../../user/api.js';
import type { Actor } from '../actor.js';
import type { Dice, Weights } from '../dice.js';
import type { StepResult } from '../result.js';
import type { ShellCommand } from './words.js';

/** The fields that every step has. */
export interface AnyStep {
  readonly as?: string | undefined;
  readonly op: string;
  readonly expect?: StepResult | undefined;
  /** Others go on while it waits. */
  readonly background?: true | undefined;
  /** The thread of the process that takes it, beside the steps that follow. */
  readonly thread?: string | undefined;
}

export type Fields = Readonly<Record<string, unknown>>;

// --- the kernel -----------------------------------------------------------------------------------------

/**
 * The kernel function that answers a step, and the errnos that it has a path to return (signals left out: no
 * scenario sends any to a process that waits). Anything else is a mistake of the simulator.
 */
export interface KernelFunction {
  readonly fn: string;
  readonly errnos: readonly string[];
}

export const answeredBy = (fn: string, ...errnos: string[]): KernelFunction => ({ fn, errnos });

// --- taking it --------------------------------------------------------------------------------------------

/** Whoever drives the processes of a scenario. */
export interface Driving {
  /** A child of that name; Return: what fork answered. */
  fork(parent: Actor, child: string): StepResult;
  /** A signal that nobody handles, SIGKILL unless told; `core`: it may dump core. */
  kill(actor: Actor, signal?: string, core?: boolean): StepResult;
  /**
   * What the step that it takes in the background answers, once it does, or the first one of that thread that was not asked for yet;
   * EINVAL where there is none.
   */
  finish(actor: Actor, thread?: string): StepResult;
}

/** The acting process takes the step, or its driver does something to the process. */
export type Taking<S> =
  | { readonly take: (sys: Sys, actor: Actor, step: S, generation: Generation) => Task<StepResult> }
  | { readonly drive: (driving: Driving, actor: Actor, step: S) => StepResult };

// --- fuzz -------------------------------------------------------------------------------------------------

export type Range = {
  readonly region: string;
  readonly page: number;
  readonly pages: number;
};

/** What one made-up process has, as far as the generator knows. */
export interface Population {
  readonly name: string;
  readonly fds: string[];
  /** Pages of each region that was mapped. */
  readonly regions: Map<string, number>;
  /** Those of them that are mappings of a memfd, or of a file of a file system. */
  readonly files: Set<string>;
  /** Does it have a userfaultfd? */
  uffd: boolean;
}

/** What new things of a generated scenario are like. */
export interface Surroundings {
  readonly backing: Weights<'anon' | 'hugetlb' | 'file' | 'disk' | 'dax' | 'device'>;
  /** Shared ones among a hundred new regions. */
  readonly shared: number;
  readonly prot: Weights<'none' | 'r' | 'w' | 'rw'>;
  readonly pages: readonly number[];
  /** Minor numbers that are opened. */
  readonly devices: readonly number[];
  /** The device file of another driver that is opened instead. */
  readonly device?: string;
  /** Do new regions ask for huge pages at once? */
  readonly advised?: boolean;
}

/** A scenario that is being made up. */
export interface Making {
  readonly dice: Dice;
  readonly generation: Generation;
  readonly surroundings: Surroundings;
  readonly processes: number;
  readonly living: readonly Population[];
  push(step: Fields): void;
  /** A word that no other step writes. */
  word(): number;
  nextFd(): string;
  /** A region for the process to map: a new one, as long as there are not enough; now and then one that it has. */
  regionToMap(actor: Population): string;
  /** A region, mapped or not. */
  anyRegion(): string;
  born(parent: Population): string;
  died(actor: Population): void;
}

/** How fuzz draws a step: on a range that was drawn for it, or one that changes what there is. */
export type Drawing = {
  /** Steps in a thousand of category "all", for what the recordings have not. */
  readonly share?: number;
} & (
  | { readonly on: (range: Range, making: Making, actor: Population) => Fields }
  | { readonly change: (making: Making, actor: Population) => void }
);

/** Pages of a file, where the process has one: those that were drawn, else some of one of its files. */
export function rangeOfFile(where: Range, { dice }: Making, { files, regions }: Population): Range {
  if (files.size === 0 || files.has(where.region)) return where;
  const region = dice.pick([...files]);
  const size = regions.get(region)!;
  const page = dice.below(size);
  return { region, page, pages: dice.between(1, Math.min(size - page, 5)) };
}

// --- export -----------------------------------------------------------------------------------------------

/** A designated initialiser of `struct step`: numbers, and C expressions as they are. */
export type CField = readonly [name: string, value: string | number];

export interface CStep<S, Taker extends string> {
  /** The C functions `take_NAME` that take such steps; export/ has the text of each. */
  readonly takers: readonly Taker[];
  /** Which of them takes this one; null when the controller does it. */
  taker(step: S): Taker | null;
  fields(step: S, generation: Generation): readonly CField[];
  /** Why no program can take it; undefined where one can. */
  readonly impossible?: (step: S) => string | undefined;
  /** Pages that the answer lists. */
  listed(step: S): number;
}

/** Why a program that is exported takes nothing in the background, or in threads. */
export const ONE_AT_A_TIME = 'it takes one step at a time';

/** Of steps that no program can take, and why. */
export const notInC = (why: string): CStep<unknown, never> => ({
  takers: [],
  taker: () => null,
  fields: () => [],
  impossible: () => why,
  listed: () => 0,
});

// --- the contract -----------------------------------------------------------------------------------------

/** The names in a step beyond `as`, `region` and `fd`: where it has them. */
export interface Naming {
  readonly processes?: readonly (readonly string[])[];
  readonly regions?: readonly (readonly string[])[];
}

export type Contract<S, Taker extends string, Token extends string> = Taking<S> & {
  /** Who answers it. */
  readonly answers: (step: S) => KernelFunction;
  /**
   * What explain looks for: pages of a driver's command, pages that the CPU touches, what GUP refuses, what becomes of
   * the pages of a mapping, pages that the kernel copies for somebody, what a child gets, nothing.
   */
  readonly concerns: 'command' | 'access' | 'pins' | 'mapping' | 'transfer' | 'child' | 'call';
  /** Whose pages: the acting process's where there is no other. */
  readonly owner?: (step: S) => string;
  /** Which pages, as far as they are mapped, where the step does not name them as its range. */
  readonly reaches?: (step: S) => Range;
  /** Of a command: the driver's function that looks at it first, and turns it away. */
  readonly entry?: string;
  /** The pages that it maps. */
  readonly maps: ((step: S) => Range) | null;
  /** Whether the pages that it is about stay mapped: of mremap() and munmap(), which else take them away. */
  readonly leaves?: (step: S) => boolean;
  /** The name of the device that it opens. */
  readonly opens?: (step: S) => string;
  readonly naming: Naming;
  /** Its commands in the shell, by their names. */
  readonly shell: Readonly<Record<string, ShellCommand>>;
  /** What shrink may put in place of these fields, one offer after the other; undefined takes a field out. */
  readonly plainer: (step: S) => Iterable<Fields>;
  /** By the name that fuzz counts it under. */
  readonly draws: Readonly<Record<Token, Drawing>>;
  readonly c: CStep<S, Taker>;
};

export type StepDefinition<Schema extends z.ZodType, Taker extends string, Token extends string> = {
  readonly schema: Schema;
} & Contract<z.infer<Schema>, Taker, Token>;

export function defineStep<
  Schema extends z.ZodType<AnyStep>,
  const Taker extends string,
  const Token extends string,
>(schema: Schema, contract: Contract<z.infer<Schema>, Taker, Token>): StepDefinition<Schema, Taker, Token> {
  return { schema, ...contract };
}

// --- what many contracts have in common -------------------------------------------------------------------

/** No process, region or fd but those that every step may have. */
export const plainNames: Naming = {};

export const nothingPlainer = (): Iterable<Fields> => [];

/** Smaller numbers to try in place of `value`. */
export function smaller(value: number, least: number): number[] {
  const half = Math.floor(value / 2);
  return [...new Set([least, half, value - 1])].filter((other) => other >= least && other < value);
}

/** Offers `plain` for the field where it has something else. */
export function* preferring(step: Fields, field: string, plain: unknown): Iterable<Fields> {
  if (step[field] !== plain) yield { [field]: plain };
}

export function* preferringSmallWord({ word }: { readonly word: number }): Iterable<Fields> {
  if (word > 64) yield { word: 64 };
}

const numberOf = (name: string): number => Number(name.slice(1));

/** The C of an address and a number of pages. */
export function rangeFields({ region, page, pages }: Range): CField[] {
  return [
    ['addr', `AT(${numberOf(region)}, ${page})`],
    ['pages', pages],
  ];
}

export const nameNumber = numberOf;

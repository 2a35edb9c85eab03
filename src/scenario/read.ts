// SPDX-License-Identifier: GPL-2.0-only
/**
 * A document as people write it, made into one of the schema, and what is wrong with it in the author's own places:
 * a step may be a line of the shell, alone or as the key of what it is to answer.
 */
import { DEFAULT_GENERATION, generationById } from '../generations/index.js';
import { UsageError } from '../sim/errors.js';
import { canonicalStep } from './canonical-step.js';
import { type Complaint, contradictions, diagnose, isScenario, type Path } from './diagnose.js';
import { excessOf, type Limits, tooMany } from './limits.js';
import { stepOfWords, wordsOf } from './line.js';
import type { ScenarioDocument, Step } from './schema.js';
import type { Fields } from './steps/contract.js';
import { definitionOf } from './steps/index.js';
import type { CommandContext } from './steps/words.js';

export interface ReadDocument {
  readonly document: unknown;
  readonly complaints: readonly Complaint[];
}

/** A step that is a line: `LINE`, or `LINE: EXPECTATION`. */
export interface WrittenLine {
  readonly line: string;
  /** The key that the expectation stands under; undefined where there is none. */
  readonly key: string | undefined;
  readonly expect: unknown;
}

const isMapping = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Words that are no steps, so that a mapping of one of them alone lacks its op. */
const FIELDS = new Set(['op', 'as', 'expect', 'cmd', 'fd', 'region', 'page', 'pages']);

export function writtenLine(written: unknown): WrittenLine | undefined {
  if (typeof written === 'string') return { line: written, key: undefined, expect: undefined };
  if (!isMapping(written)) return undefined;
  const [key, ...others] = Object.keys(written);
  if (key === undefined || others.length > 0 || FIELDS.has(key)) return undefined;
  return { line: key, key, expect: written[key] ?? undefined };
}

/** How long regions are, as far as the steps so far say. */
export class Regions {
  readonly #pages = new Map<string, number>();

  pagesOf(region: string): number | undefined {
    return this.#pages.get(region);
  }

  get names(): readonly string[] {
    return [...this.#pages.keys()];
  }

  /** The step was taken and went well: what it has mapped is what its region's name alone stands for. */
  note(step: Step): void {
    const range = definitionOf(step).maps?.(step);
    if (range === undefined) return;
    const known = step.op === 'mmap' && step.page === undefined ? 0 : (this.#pages.get(range.region) ?? 0);
    this.#pages.set(range.region, Math.max(known, range.page + range.pages));
  }
}

/** One step as the schema has it. Throws UsageError for a line that is none. */
export function readStep(written: unknown, context: CommandContext): Fields {
  const line = writtenLine(written);
  if (line === undefined) return isMapping(written) ? canonicalStep(written, context) : (written as Fields);
  const step = stepOfWords(wordsOf(line.line), context);
  return line.expect === undefined ? step : canonicalStep({ ...step, expect: line.expect }, context);
}

/** Where the author has what the schema's path names. */
function placeOf(path: Path, written: readonly unknown[]): Pick<Complaint, 'path' | 'atKey'> {
  const [steps, index, key, ...rest] = path;
  if (steps !== 'steps' || typeof index !== 'number' || key === undefined) return { path };
  const line = writtenLine(written[index]);
  if (line === undefined) return { path };
  if (line.key === undefined) return { path: [steps, index] };
  if (key !== 'expect') return { path: [steps, index, line.key], atKey: true };
  return { path: [steps, index, line.key, ...rest] };
}

/** What a line's complaint is about stands nowhere in the document: its message names it. */
function inPlace(complaint: Complaint, written: readonly unknown[]): Complaint {
  const { path, message } = complaint;
  const place = placeOf(path, written);
  const [, , key] = path;
  const isLost = place.path.length === 2 && path.length > 2;
  const said = (isLost || place.atKey) && key !== undefined ? `${String(key)}: ${message}` : message;
  return { ...complaint, ...place, message: said };
}

function contextOf(written: Fields, regions: Regions): CommandContext {
  const generation = generationById(String(written.kernel ?? DEFAULT_GENERATION));
  return {
    as: 'p0',
    pagesOf: (region) => regions.pagesOf(region),
    migrateHasDirection: generation?.uapi.nr.MIGRATE !== undefined,
  };
}

/** Notes what a step maps that may not even be one. */
function noteMapping(step: Fields, regions: Regions): void {
  if (step.op !== 'mmap' && step.op !== 'mremap') return;
  if ((step.expect as Fields | undefined)?.ret) return;
  try {
    regions.note(step as unknown as Step);
  } catch {
    // No place to move to: the schema will say so.
  }
}

function readSteps(written: Fields, steps: readonly unknown[]): ReadDocument {
  const regions = new Regions();
  const context = contextOf(written, regions);
  const complaints: Complaint[] = [];
  const read = steps.map((one, index) => {
    try {
      const step = readStep(one, context);
      if (isMapping(step)) noteMapping(step, regions);
      return step;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      complaints.push({ path: ['steps', index], message: error.message });
      return { op: 'unpin' };
    }
  });
  return { document: { ...written, steps: read }, complaints };
}

/** What is no document of the schema, made canonical; with everything that is wrong with it. */
function readOther(written: unknown): ReadDocument {
  if (!isMapping(written) || !Array.isArray(written.steps)) {
    return { document: written, complaints: diagnose(written) };
  }
  const steps: readonly unknown[] = written.steps;
  const { document, complaints } = readSteps(written, steps);
  const more = diagnose(document).map((complaint) => inPlace(complaint, steps));
  return { document, complaints: [...complaints, ...more].sort(byStep) };
}

/** The first step with which the document is of more pages than it may be. */
function pagesExcess({ steps }: ScenarioDocument, limits: Limits): Complaint[] {
  let pages = 0;
  for (const [index, step] of steps.entries()) {
    const { concerns } = definitionOf(step);
    if (concerns !== 'access' && concerns !== 'command') continue;
    pages += (step as { readonly pages?: number }).pages ?? 0;
    if (pages <= limits.pages) continue;
    return [{ path: ['steps', index, 'pages'], message: tooMany('pages in all steps', limits.pages) }];
  }
  return [];
}

/**
 * `written`, made canonical; with everything that is wrong with it. It may be a stranger's, and have itself in it;
 * `length` is that of its text without aliases.
 */
export function readWithin(
  limits: Limits,
  written: unknown,
  length = Number.POSITIVE_INFINITY,
): ReadDocument {
  const canonical = isScenario(written);
  // A step, and a value, takes two characters at least; and the schema knows nothing that is deep.
  if (length > limits.steps || !canonical) {
    const excess = excessOf(written, limits);
    if (excess !== undefined) return { document: written, complaints: [excess] };
  }
  const { document, complaints } = canonical
    ? { document: written, complaints: contradictions(written as ScenarioDocument) }
    : readOther(written);
  if (complaints.length > 0) return { document, complaints };
  return { document, complaints: pagesExcess(document as ScenarioDocument, limits) };
}

const stepAt = ({ path }: Complaint): number =>
  path[0] === 'steps' && typeof path[1] === 'number' ? path[1] : -1;

const byStep = (a: Complaint, b: Complaint): number => stepAt(a) - stepAt(b);

/** The step as it was written, expecting `expect`. */
export function expecting(written: unknown, expect: Step['expect']): unknown {
  const line = writtenLine(written);
  if (line !== undefined) return expect === undefined ? line.line : { [line.line]: expect };
  const { expect: _, ...bare } = written as Fields;
  return expect === undefined ? bare : { ...bare, expect };
}

/** What the author expects of the step. */
export function expectOf(written: unknown): Step['expect'] {
  const expect = writtenLine(written)?.expect ?? (written as Fields | undefined)?.expect;
  return expect as Step['expect'];
}

/** `document`, which was read from `written`, in the author's own words. */
export function inOwnWords(written: unknown, document: ScenarioDocument): unknown {
  if (!isMapping(written) || !Array.isArray(written.steps)) return document;
  const { steps } = written;
  const own: Record<string, unknown> = { ...document };
  own.steps = document.steps.map((step, index) => expecting(steps[index], step.expect));
  return own;
}

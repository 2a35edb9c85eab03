// SPDX-License-Identifier: GPL-2.0-only
/** Which functions a real kernel entered, read piece by piece: JSON Lines ({name, kernel, steps}), or text (text-reader.ts). */
import { LIMITS, type Limits, tooLarge, tooMany } from '../scenario/limits.js';
import { UsageError } from '../sim/errors.js';
import { TraceTextReader } from './text-reader.js';

export interface RealPath {
  readonly name: string;
  readonly kernel?: string;
  /** By step: functions in the order of entry, "NAME*3" for three in a row; null where nothing was recorded. */
  readonly steps: readonly (readonly string[] | null)[];
}

const isStep = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.every((name) => typeof name === 'string'));

function parseLine(line: string, where: string, { steps: most }: Limits): RealPath {
  let value: Partial<RealPath>;
  try {
    value = JSON.parse(line) as Partial<RealPath>;
  } catch {
    throw new UsageError('expected JSON', where);
  }
  const { name, kernel, steps } = value ?? {};
  if (typeof name !== 'string' || !Array.isArray(steps) || !steps.every(isStep)) {
    throw new UsageError('expected {"name": ..., "steps": [["function", ...], null, ...]}', where);
  }
  if (steps.length > most) throw new UsageError(tooMany('steps', most), where);
  return { name, ...(typeof kernel === 'string' ? { kernel } : {}), steps };
}

/** So many times the bytes of a line may a file have. */
const KEPT = 32;

const NEITHER =
  'expected JSON Lines of paths, or a function trace with markers "step N of NAME" (a program that export wrote sets them with --trace)';

/** Takes text as it comes, and keeps what paths are made of. Throws UsageError with file and line. */
export class RealReader {
  readonly #text = new TraceTextReader();
  readonly #paths: RealPath[] = [];
  #json: boolean | undefined;
  #open = '';
  #total = 0;
  /** Paths, their steps and functions. */
  #values = 0;
  #line = 0;

  constructor(
    private readonly file: string,
    private readonly limits: Limits = LIMITS,
  ) {}

  add(text: string): void {
    this.#total += text.length;
    const most = this.limits.bytes * KEPT;
    if (this.#total > most) throw new UsageError(tooLarge(most), this.file);
    const lines = text.split('\n');
    lines[0] = this.#open + lines[0]!;
    this.#open = lines.pop()!;
    for (const line of lines) this.#take(line);
    if (this.#open.length > this.limits.bytes) this.#tooLong();
  }

  /** The paths, each a scenario's. */
  end(): RealPath[] {
    if (this.#open !== '') this.#take(this.#open);
    const paths = this.#json ? this.#paths : this.#text.paths();
    if (paths.length === 0) throw new UsageError(NEITHER, this.file);
    return paths;
  }

  #tooLong(): never {
    throw new UsageError(tooLarge(this.limits.bytes), `${this.file}:${this.#line + 1}`);
  }

  #take(line: string): void {
    if (line.length > this.limits.bytes) this.#tooLong();
    const where = `${this.file}:${++this.#line}`;
    if (line.trim() === '') return;
    this.#json ??= /^\s*\{/.test(line);
    if (this.#json) this.#keep(parseLine(line, where, this.limits), where);
    else this.#text.line(line, where);
  }

  #keep(path: RealPath, where: string): void {
    this.#values += path.steps.reduce((sum, step) => sum + (step?.length ?? 0), 1 + path.steps.length);
    if (this.#values > this.limits.values)
      throw new UsageError(tooMany('paths, steps and functions', this.limits.values), where);
    this.#paths.push(path);
  }
}

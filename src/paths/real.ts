// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which functions a real kernel entered, read from JSON Lines ({name, kernel, steps}), from the text of
 * /sys/kernel/tracing/trace, or from what `trace-cmd report` prints. In text, a marker "step N of NAME" begins a step.
 */
import { UsageError } from '../sim/errors.js';
import { foldRuns, TRACED_FUNCTIONS } from './functions.js';

export interface RealPath {
  readonly name: string;
  readonly kernel?: string;
  /** By step: functions in the order of entry, "NAME*3" for three in a row; null where nothing was recorded. */
  readonly steps: readonly (readonly string[] | null)[];
}

const isStep = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.every((name) => typeof name === 'string'));

function parseLine(line: string, where: string): RealPath {
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
  return { name, ...(typeof kernel === 'string' ? { kernel } : {}), steps };
}

/** "…: NAME <-caller" of ftrace, "… function: NAME <-- caller" of trace-cmd. */
const ENTRY = /:\s+(?:function:\s+)?([A-Za-z_][\w.]*)(?:\s+<-.*)?$/;
const MARKER = /(?:tracing_mark_write|print|bprint):.*?\bstep (\d+) of (\S.*?)\s*$/;
const HIDDEN = /\.(?:isra|part|constprop)\.\d+$/;

function readText(text: string): RealPath[] {
  const paths = new Map<string, string[][]>();
  let step: string[] | undefined;
  for (const line of text.split('\n')) {
    const marker = MARKER.exec(line);
    if (marker !== null) {
      const steps = paths.get(marker[2]!) ?? [];
      paths.set(marker[2]!, steps);
      for (let n = steps.length; n <= Number(marker[1]); n++) steps.push([]);
      step = steps[Number(marker[1])];
      continue;
    }
    const fn = ENTRY.exec(line)?.[1]?.replace(HIDDEN, '');
    if (fn !== undefined && TRACED_FUNCTIONS.has(fn)) step?.push(fn);
  }
  return [...paths].map(([name, steps]) => ({ name, steps: steps.map(foldRuns) }));
}

/** Throws UsageError for text that is neither, naming file and line. */
export function readReal(text: string, file: string): RealPath[] {
  if (/^\s*\{/.test(text)) {
    return text
      .split('\n')
      .flatMap((line, n) => (line.trim() === '' ? [] : [parseLine(line, `${file}:${n + 1}`)]));
  }
  const paths = readText(text);
  if (paths.length > 0) return paths;
  throw new UsageError(
    'expected JSON Lines of paths, or a function trace with markers "step N of NAME" (a program that export wrote sets them with --trace)',
    file,
  );
}

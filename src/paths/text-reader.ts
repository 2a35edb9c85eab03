// SPDX-License-Identifier: GPL-2.0-only
/**
 * Function traces as text, of the kernel's trace file or of `trace-cmd report`, a line at a time. Only functions of the
 * table are kept. A marker "step N of NAME" begins a step, "end of NAME" ends the last one.
 */
import { USER_FAULT } from '../generations/traced.js';
import { placeOf } from '../scenario/actor.js';
import { LIMITS } from '../scenario/limits.js';
import { UsageError } from '../sim/errors.js';
import { runText, tracedFunction } from './functions.js';
import type { RealPath } from './real.js';

/** "…: NAME <-caller" of ftrace, "… function: NAME <-- caller" of trace-cmd. */
const ENTRY = /:\s+(?:function:\s+)?([A-Za-z_][\w.]*)(?:\s+<-.*)?$/;
const MARKER = /(?:tracing_mark_write|print|bprint):.*?\b(?:step (\d{1,9})|(end)) of (\S.*?)\s*$/;
const FAULT = /:\s+page_fault_(?:user|kernel):\s+address=(?:0x)?([0-9a-f]+)/;
const LOST = /\bLOST \d+ EVENTS\b|entries-in-buffer\/entries-written: (\d+)\/(?!\1\b)\d+/;
/** What a compiler makes of a name. */
const HIDDEN = /\.(?:isra|part|constprop)\.\d+$/;

/** What a fault enters, up to the function that serves it. */
const OF_FAULTS: ReadonlySet<string> = new Set([
  'handle_mm_fault',
  'do_anonymous_page',
  'do_fault',
  'do_swap_page',
  'do_wp_page',
  'do_huge_pmd_anonymous_page',
  'do_huge_pmd_wp_page',
]);

type OpenStep = { name: string; count: number }[];

export class TraceTextReader {
  readonly #paths = new Map<string, OpenStep[]>();
  #step: OpenStep | undefined;
  #runs = 0;
  /** In a fault on memory of the program itself. */
  #ownFault = false;

  /** `where`: of the line. Throws UsageError where functions are missing, or there are too many. */
  line(line: string, where: string): void {
    if (LOST.test(line))
      throw new UsageError('entries were lost; expected all (buffer_size_kb was too small)', where);
    const marker = MARKER.exec(line);
    if (marker !== null) this.#mark(marker, where);
    else if (this.#step !== undefined) this.#entry(this.#step, line, where);
  }

  paths(): RealPath[] {
    return [...this.#paths].map(([name, steps]) => ({
      name,
      steps: steps.map((runs) => runs.map(runText)),
    }));
  }

  #mark([, index, end, name]: readonly (string | undefined)[], where: string): void {
    this.#ownFault = false;
    this.#step = undefined;
    if (end !== undefined) return;
    const number = Number(index);
    if (number >= LIMITS.steps)
      throw new UsageError(`expected a step below ${LIMITS.steps}, got ${index}`, where);
    const steps = this.#paths.get(name!) ?? [];
    this.#paths.set(name!, steps);
    while (steps.length <= number) {
      this.#count(where);
      steps.push([]);
    }
    this.#step = steps[number];
  }

  #entry(step: OpenStep, line: string, where: string): void {
    const fault = FAULT.exec(line);
    if (fault !== null) {
      this.#ownFault = placeOf(Number.parseInt(fault[1]!, 16)) === undefined;
      if (!this.#ownFault) this.#push(step, USER_FAULT, where);
      return;
    }
    const fn = tracedFunction(ENTRY.exec(line)?.[1]?.replace(HIDDEN, '') ?? '');
    if (fn === undefined) return;
    if (this.#ownFault && OF_FAULTS.has(fn)) return;
    this.#ownFault = false;
    this.#push(step, fn, where);
  }

  #push(step: OpenStep, name: string, where: string): void {
    const last = step.at(-1);
    if (last?.name === name) {
      last.count++;
      return;
    }
    this.#count(where);
    step.push({ name, count: 1 });
  }

  #count(where: string): void {
    if (++this.#runs > LIMITS.values)
      throw new UsageError(`expected at most ${LIMITS.values} steps and runs of functions`, where);
  }
}

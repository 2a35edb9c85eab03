// SPDX-License-Identifier: GPL-2.0-only
/** The thread that `explain` runs its scenarios in. */
import { type ExplainOptions, explainedLines, explainScenario } from '../explain/explain.js';
import { followedLine, followedText, followPage } from '../explain/follow.js';
import { explainedJson, followedJson, movesJson } from '../explain/json.js';
import type { Machine } from '../machine/machine.js';
import type { LoadedDocument } from '../scenario/load.js';
import { type Telling, whereOrdered } from './elsewhere.js';
import type { ExplainFlags } from './explain.js';
import { bootChosen, type Chosen, setupsOf } from './scenario-choice.js';
import { type TraceOrder, Tracing } from './trace-file.js';

/** Plain data. */
export interface ExplainOrder {
  readonly chosen: readonly LoadedDocument[];
  readonly flags: ExplainFlags;
  readonly trace: TraceOrder;
}

export interface ExplainNews {
  readonly lines: readonly string[];
  /** A machine did not even come up. */
  readonly died: boolean;
}

/** Lines that may be told before somebody has heard them. */
const AHEAD = 256;

async function explainAll({ chosen, flags, trace }: ExplainOrder, told: Told): Promise<void> {
  const setups = await setupsOf(flags);
  const tracing = new Tracing(trace);
  for (const [index, loaded] of chosen.entries()) {
    if (index > 0 && flags.json === undefined) await told.lines(['']);
    await explainOne({ loaded, setup: setups.of(loaded.document) }, flags, tracing, told);
  }
  tracing.end();
}

async function explainOne(chosen: Chosen, flags: ExplainFlags, tracing: Tracing, told: Told): Promise<void> {
  const { loaded, setup } = chosen;
  const { name } = loaded.document;
  const kernel = setup.generation.id;
  const json = flags.json === true;
  if (!json) await told.lines([`# ${name} on ${kernel} (${loaded.file}:${loaded.line})`]);
  const machine = bootChosen(chosen);
  if (typeof machine === 'string') {
    told.died = true;
    return told.lines([json ? JSON.stringify({ name, kernel, failed: machine }) : machine]);
  }
  const sinks = [tracing.attach(machine, { heading: `${name} on ${kernel}`, scenario: name })];
  const options = {
    sinks,
    locks: flags.locks === true,
    ...(flags.step === undefined ? {} : { step: flags.step }),
  };
  for (const lines of steps(chosen, machine, flags, options)) await told.lines(lines);
}

/** What is told of each step: lines for people, or one of JSON. */
function* steps(
  { loaded, setup }: Chosen,
  machine: Machine,
  { page, json }: ExplainFlags,
  options: ExplainOptions,
): Generator<string[]> {
  const { document } = loaded;
  const heading = { name: document.name, kernel: setup.generation.id };
  if (page === undefined) {
    for (const step of explainScenario(machine, setup, document, options)) {
      yield json ? [JSON.stringify(explainedJson(heading, step))] : explainedLines(step);
    }
    return;
  }
  if (!json) {
    yield [followedLine(page)];
    yield* followedText(machine, setup, document, page, options);
    return;
  }
  const followed = followPage(machine, setup, document, page, options);
  let next = followed.next();
  for (; next.done !== true; next = followed.next()) {
    yield [JSON.stringify(followedJson(heading, page, next.value))];
  }
  if (next.value.workingSet > 0) yield [JSON.stringify(movesJson(heading, page, next.value))];
}

class Told {
  died = false;
  #count = 0;

  constructor(readonly telling: Telling<ExplainNews>) {}

  /** At once: what comes next may never end. */
  async lines(lines: readonly string[]): Promise<void> {
    this.telling.tell({ lines, died: this.died });
    this.#count += lines.length;
    if (this.#count < AHEAD) return;
    this.#count = 0;
    await this.telling.turn();
  }
}

await whereOrdered<ExplainOrder, ExplainNews>((order, telling) => explainAll(order, new Told(telling)));

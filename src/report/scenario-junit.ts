// SPDX-License-Identifier: GPL-2.0-only
/** Scenario results as JUnit: the class of a scenario is its file, and no two of a class have one name. */
import type { JunitCase } from './junit.js';
import { type ScenarioOutcome, verdictOf } from './scenario-outcome.js';

/** Makes cases of outcomes, in order. */
export class ScenarioCases {
  readonly cases: JunitCase[] = [];
  readonly #taken = new Set<string>();

  /** `lines` are what KTAP says below the result line. */
  add(outcome: ScenarioOutcome, lines: readonly string[]): void {
    const { name, place, failure, invalid, internal, skipped } = outcome;
    const classname = place?.file ?? 'scenario';
    const common = { classname, name: this.#unique(classname, name, place?.line), ...place, ns: 0 };
    const body = lines.map((line) => line.trim()).join('\n');
    const verdict = verdictOf(outcome);
    if (verdict === 'pass') this.cases.push(common);
    else if (verdict === 'skip') this.cases.push({ ...common, verdict: 'skipped', message: skipped! });
    else if (verdict === 'error') {
      const message =
        internal === undefined ? (invalid!.invalid[0] ?? '') : `internal error: ${internal.internal}`;
      this.cases.push({ ...common, verdict: 'error', message, body });
    } else this.cases.push({ ...common, verdict: 'failure', message: failure!.differs, body });
  }

  #unique(classname: string, name: string, line: number | undefined): string {
    let unique = name;
    for (let n = 1; this.#taken.has(`${classname}\n${unique}`); n++) {
      unique = `${name} (line ${line}${n === 1 ? '' : `, ${n}`})`;
    }
    this.#taken.add(`${classname}\n${unique}`);
    return unique;
  }
}

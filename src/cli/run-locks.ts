// SPDX-License-Identifier: GPL-2.0-only
/** `run --locks`: the locks that were held where a step slept, as notes of its scenario. */
import { LockExplainer, lockLines } from '../explain/locks.js';
import type { Machine } from '../machine/machine.js';
import type { RunObserver } from '../session/runner.js';
import type { TakenStep } from '../session/session.js';

export class LockNotes implements RunObserver {
  readonly notes: string[] = [];
  #explainer: LockExplainer | undefined;

  begins(machine: Parameters<RunObserver['begins']>[0]): void {
    this.#explainer = new LockExplainer(machine as Machine, 'sleeps');
  }

  took({ index, result }: TakenStep): void {
    const lines = lockLines(this.#explainer!.take(result.hang !== undefined));
    this.notes.push(...lines.map((line) => `step ${index}${line}`));
  }
}

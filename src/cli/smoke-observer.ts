// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --explain`, `--trace` and `--record`: look at the machine around each test. */
import { byPid, LockExplainer, lockLines } from '../explain/locks.js';
import { ProgramExplainer } from '../explain/program.js';
import { Machine } from '../machine/machine.js';
import type { ResultEvent, TestName, TestObserver } from '../selftests/events.js';
import type { Hang } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { fanOut } from '../watch/tracer.js';
import type { TraceFiles } from './trace-file.js';

export interface SmokeObserverOptions {
  readonly record: TestObserver | undefined;
  readonly explain: boolean;
  readonly locks: boolean;
  readonly trace: TraceFiles;
  readonly print: (line: string) => void;
}

/** Explanations come as comments before each test's result. */
export function smokeObserver({ record, explain, locks, trace, print }: SmokeObserverOptions): TestObserver {
  let explainer: ProgramExplainer | undefined;
  let watch: LockExplainer | undefined;
  return {
    before(machine: MachineApi, test: TestName) {
      record?.before?.(machine, test);
      if (!(machine instanceof Machine)) return;
      explainer = explain ? new ProgramExplainer(machine) : undefined;
      watch = locks ? new LockExplainer(machine, 'sleeps', byPid) : undefined;
      machine.trace = fanOut(explainer?.sink, trace.attach(machine, { heading: test.name }));
    },
    after(machine: MachineApi, test: TestName, result: ResultEvent, hang?: Hang) {
      record?.after?.(machine, test, result, hang);
      if (machine instanceof Machine) trace.detach(machine);
      for (const line of explainer?.take() ?? []) print(`# ${line}`);
      for (const line of lockLines(watch?.take(true) ?? [])) print(`# ${line}`);
    },
  };
}

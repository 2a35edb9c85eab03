// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --explain`, `--trace` and `--record`: look at the machine around each test. */
import { byPid, LockExplainer, lockLines } from '../explain/locks.js';
import { ProgramExplainer } from '../explain/program.js';
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import { RowRecorder } from '../record/row.js';
import { SuiteRecorder } from '../record/suite.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { ResultEvent, TestName, TestObserver } from '../selftests/events.js';
import type { Hang } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { fanOut } from '../watch/tracer.js';
import { type TraceOrder, Tracing } from './trace-file.js';

/** What is looked at: plain data. */
export interface ObserveOptions {
  readonly explain: boolean;
  readonly locks: boolean;
  /** Each test as a document of its own, or all in a row as one. */
  readonly record: 'each' | 'row' | undefined;
  readonly trace: TraceOrder;
}

/** Somebody who looks at the machine around each test, and is told when all is over. */
export interface Observing {
  readonly observer: TestObserver;
  /** What modprobe answered. */
  loaded(ret: number): void;
  end(): void;
}

/** Where it is told: lines of comments, and tests as scenarios. */
export interface Observed {
  readonly print: (line: string) => void;
  readonly record: (document: ScenarioDocument) => void;
}

export function observe(
  options: ObserveOptions,
  description: MachineDescription,
  { print, record }: Observed,
): Observing {
  const tracing = new Tracing(options.trace);
  const recorder = recorderOf(options, description, record);
  return {
    observer: observerOf(options, recorder, tracing, print),
    loaded: (ret) => recorder?.loaded(ret),
    end: () => {
      if (recorder instanceof RowRecorder) recorder.end();
      tracing.end();
    },
  };
}

function recorderOf(
  { record: how }: ObserveOptions,
  description: MachineDescription,
  record: Observed['record'],
): SuiteRecorder | RowRecorder | undefined {
  if (how === undefined) return undefined;
  return how === 'each' ? new SuiteRecorder(description, record) : new RowRecorder(description, record);
}

/** Explanations come as comments before each test's result. */
function observerOf(
  { explain, locks }: ObserveOptions,
  record: TestObserver | undefined,
  tracing: Tracing,
  print: (line: string) => void,
): TestObserver {
  let explainer: ProgramExplainer | undefined;
  let watch: LockExplainer | undefined;
  return {
    before(machine: MachineApi, test: TestName) {
      record?.before?.(machine, test);
      if (!(machine instanceof Machine)) return;
      explainer = explain ? new ProgramExplainer(machine) : undefined;
      watch = locks ? new LockExplainer(machine, 'sleeps', byPid) : undefined;
      machine.trace = fanOut(explainer?.sink, tracing.attach(machine, { heading: test.name }));
    },
    after(machine: MachineApi, test: TestName, result: ResultEvent, hang?: Hang) {
      record?.after?.(machine, test, result, hang);
      if (machine instanceof Machine) tracing.detach(machine);
      for (const line of explainer?.take() ?? []) print(`# ${line}`);
      for (const line of lockLines(watch?.take(true) ?? [])) print(`# ${line}`);
    },
  };
}

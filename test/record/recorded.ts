// SPDX-License-Identifier: GPL-2.0-only
/** Suites, recorded while the harness runs them, and read back as their files would be. */
import { moduleAt } from '../../src/machine/defaults.js';
import { describeMachine, type MachineOptions } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { SuiteRecorder } from '../../src/record/suite.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { writeYaml } from '../../src/scenario/update.js';
import { judge, unmetText } from '../../src/scenario/verdict.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import type { TestFilter } from '../../src/selftests/test_filter.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { type Overrides, Setups } from '../../src/session/setup.js';

/** Without special purpose memory, and with. */
export const ADDRESSES: readonly (readonly number[])[] = [[], [0x100000000, 0x140000000]];

export interface Recorded {
  readonly document: ScenarioDocument;
  /** 0, 1 or 4, as the harness judged the test. */
  readonly code: number;
}

export function readBack(document: ScenarioDocument): ScenarioDocument {
  const text = writeYaml(document);
  const { documents, mistakes } = load(text, document.name, 'yaml');
  if (mistakes.length > 0) throw new Error(JSON.stringify(mistakes));
  return documents[0]!.document;
}

/** The tests of a kernel that `filters` select, by their names. */
export function record(
  kernel: string,
  addresses: readonly number[],
  options: MachineOptions = {},
  filters: readonly TestFilter[] = [],
): Map<string, Recorded> {
  const description = describeMachine({ kernel, module: moduleAt(addresses), ...options });
  const documents: ScenarioDocument[] = [];
  const observer = new SuiteRecorder(description, (document) => documents.push(document));
  const machine = (): Machine => {
    const booted = Machine.bootAs(description);
    if (booted.loadModule(description.module!.name, description.module!.params) < 0)
      throw new Error('modprobe');
    return booted;
  };
  const suite = hmmTests(description.generation);
  const found = new Map<string, Recorded>();
  for (const { name, code } of test_harness_run({ suite, machine, filters, observer, onEvent() {} })) {
    found.set(name, { document: readBack(documents.at(-1)!), code });
  }
  return found;
}

/** What is not as the documents expect, by their names. */
export function unmet(
  recorded: ReadonlyMap<string, Recorded>,
  overrides: Overrides = {},
): Record<string, string> {
  const pool = new MachinePool();
  const setups = new Setups(overrides);
  const found: Record<string, string> = {};
  for (const [name, { document }] of recorded) {
    const how = judge(document, runOn(pool, setups.of(document), document));
    if (how !== undefined) found[name] = unmetText(how);
  }
  return found;
}

// SPDX-License-Identifier: GPL-2.0-only
/** A test of the suite as a document, recorded in memory: what commands take as suite:TEST. */
import { DEFAULT_MODULE } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import { SuiteRecorder } from '../record/suite.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { test_harness_run } from '../selftests/kselftest_harness.js';
import { checkFilters } from './smoke-filters.js';

/** Throws UsageError for a test that the suite of the machine's kernel does not have. */
export function recordedTest(name: string, description: MachineDescription): ScenarioDocument {
  const suite = hmmTests(description.generation);
  const filters = [{ option: 'r', name } as const];
  checkFilters(suite, filters);
  const documents: ScenarioDocument[] = [];
  const observer = new SuiteRecorder(description, (document) => documents.push(document));
  const machine = (): Machine => {
    const booted = Machine.bootAs(description);
    const { name: module, params } = description.module ?? { name: DEFAULT_MODULE.name, params: {} };
    observer.loaded(booted.loadModule(module, params));
    return booted;
  };
  for (const _ of test_harness_run({ suite, filters, machine, observer, onEvent: () => {} }));
  return documents[0]!;
}

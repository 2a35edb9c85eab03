// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --record`: each test as a scenario document, in a file or a directory. */
import { join } from 'node:path';
import type { MachineDescription } from '../machine/description.js';
import { SuiteRecorder } from '../record/suite.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { UsageError } from '../sim/errors.js';
import { makeDirectory } from './files/directory.js';
import { replaceFile } from './files/safe-file.js';
import { ReportFile } from './report-file.js';

const OPTION = '--record';

const isFile = (path: string): boolean => /\.ya?ml$/.test(path);

function fileWriter(path: string, tests: number): (document: ScenarioDocument) => void {
  if (tests !== 1) {
    throw new UsageError(`${path} holds one test, ${tests} are selected: give a directory`, OPTION);
  }
  const file = new ReportFile(path, OPTION);
  return (document) => file.write(writeYaml(document));
}

function directoryWriter(directory: string): (document: ScenarioDocument) => void {
  makeDirectory(directory, OPTION, { parents: false });
  return (document) => replaceFile(join(directory, `${document.name}.yaml`), writeYaml(document), OPTION);
}

/** Writes each of `tests` tests when it has ended. Throws UsageError for what cannot be written, or be recorded. */
export function suiteRecorder(path: string, tests: number, machine: MachineDescription): SuiteRecorder {
  let write: ((document: ScenarioDocument) => void) | undefined;
  const recorder = new SuiteRecorder(machine, (document) => write?.(document));
  write = isFile(path) ? fileWriter(path, tests) : directoryWriter(path);
  return recorder;
}

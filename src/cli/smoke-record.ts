// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --record`: each test as a scenario document, in a file or a directory. */
import { join } from 'node:path';
import type { MachineDescription } from '../machine/description.js';
import { machineBlock } from '../record/machine-block.js';
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

/**
 * What writes each of `tests` tests when it has ended. Throws UsageError for what cannot be written, or be recorded on that
 * machine.
 */
export function recordingWriter(
  path: string,
  tests: number,
  machine: MachineDescription,
): (document: ScenarioDocument) => void {
  machineBlock(machine);
  return isFile(path) ? fileWriter(path, tests) : directoryWriter(path);
}

// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --record`: each test as a scenario document of its own in a directory, or those that run, in a row, in one file. */
import { join } from 'node:path';
import type { MachineDescription } from '../machine/description.js';
import { machineBlock } from '../record/machine-block.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { makeDirectory } from './files/directory.js';
import { replaceFile } from './files/safe-file.js';
import { ReportFile } from './report-file.js';

const OPTION = '--record';

export interface Recording {
  /** Each test as a document of its own, or all in a row as one. */
  readonly how: 'each' | 'row';
  /** Takes documents as they come. */
  readonly write: (document: ScenarioDocument) => void;
}

const isFile = (path: string): boolean => /\.ya?ml$/.test(path);

function fileWriter(path: string): (document: ScenarioDocument) => void {
  const file = new ReportFile(path, OPTION);
  return (document) => file.write(writeYaml(document));
}

function directoryWriter(directory: string): (document: ScenarioDocument) => void {
  makeDirectory(directory, OPTION, { parents: false });
  return (document) => replaceFile(join(directory, `${document.name}.yaml`), writeYaml(document), OPTION);
}

/** How `tests` tests are recorded at `path`. Throws UsageError for what cannot be written, or be recorded on that machine. */
export function recordingWriter(path: string, tests: number, machine: MachineDescription): Recording {
  machineBlock(machine);
  if (!isFile(path)) return { how: 'each', write: directoryWriter(path) };
  return { how: tests > 1 ? 'row' : 'each', write: fileWriter(path) };
}

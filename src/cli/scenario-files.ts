// SPDX-License-Identifier: GPL-2.0-only
/** The scenarios that files hold. */
import { LIMITS, type Limits } from '../scenario/limits.js';
import { type Loaded, loadPart } from '../scenario/load.js';
import { syntaxOf } from '../scenario/syntax.js';
import { UsageError } from '../sim/errors.js';
import type { InputMistake } from './input.js';
import { mistakeOf, type Reading, readTextFileNow, readTextFiles, TextFile } from './text-files.js';

export interface ScenarioFile extends Pick<TextFile, 'name' | 'syntax'> {
  readonly loaded: Loaded;
}

function loaded(file: TextFile, limits: Limits): ScenarioFile {
  const { name, syntax } = file;
  const all: Loaded = { documents: [], mistakes: [] };
  try {
    for (const part of file.parts(Number.POSITIVE_INFINITY)) {
      const { documents, mistakes } = loadPart(part, limits);
      for (const document of documents) all.documents.push(document);
      for (const mistake of mistakes) all.mistakes.push(mistake);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    all.mistakes.push(mistakeOf(error, name));
  }
  return { name, syntax, loaded: all };
}

/** All files that the arguments stand for, and what is wrong with arguments, files and documents. */
export async function readScenarioFiles(
  args: readonly string[],
  reading: Reading = {},
): Promise<{ files: ScenarioFile[]; mistakes: InputMistake[] }> {
  const { limits = LIMITS } = reading;
  const { files, mistakes } = await readTextFiles(args, reading);
  const all = files.map((file) => loaded(file, limits));
  return { files: all, mistakes: [...mistakes, ...all.flatMap((file) => file.loaded.mistakes)] };
}

/** One file that is on disk, for whoever cannot wait. */
export function readScenarioFileNow(name: string): { file: ScenarioFile; mistakes: InputMistake[] } {
  const file = readTextFileNow(name);
  if (!(file instanceof TextFile)) {
    const none = { name, syntax: syntaxOf(name) ?? 'yaml', loaded: { documents: [], mistakes: [] } };
    return { file: none, mistakes: [file] };
  }
  const one = loaded(file, LIMITS);
  return { file: one, mistakes: one.loaded.mistakes };
}

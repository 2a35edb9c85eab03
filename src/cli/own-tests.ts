// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --suite FILE`: tests that a maintainer wrote, as a module of JavaScript. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Generation } from '../generations/index.js';
import { Machine } from '../library/machine.js';
import { suiteWith } from '../library/run_suite.js';
import type { MachineDescription } from '../machine/description.js';
import type { Suite } from '../selftests/fixture.js';
import { UsageError } from '../sim/errors.js';
import { strangersPlace } from '../sim/stranger.js';
import { isRefusal } from './files/host-error.js';
import { cannotRead, readErrorText } from './input.js';

const OPTION = '--suite';

const EXPECTED =
  'expected a default export: a FIXTURE, a list of them, or a function of hmm-sim/selftest that returns them';

export interface OwnTests {
  /** `base`, with the tests behind its own. Throws UsageError. */
  suiteWith(base: Suite, generation: Generation): Suite;
  boot(description: MachineDescription): Machine;
}

async function importFile(file: string): Promise<{ default?: unknown }> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) throw new UsageError(`there is no file ${file}`, OPTION);
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    if (isRefusal(error)) throw cannotRead(error, OPTION, `${file}: ${readErrorText(error)}`);
    const [line] = String(error instanceof Error ? error.message : error).split('\n');
    throw new UsageError(`${file} does not load: ${line}`, OPTION);
  }
}

type Ask = (selftest: object) => unknown;

/** What the function of a file returns. Throws UsageError with its line where it throws. */
async function asked(file: string, ask: Ask): Promise<unknown> {
  try {
    return ask(await import('../library/selftest.js'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    const at = strangersPlace(stack);
    throw new UsageError(`${file} throws ${name}: ${message}${at === undefined ? '' : ` (${at})`}`, OPTION);
  }
}

/** Throws UsageError for a file that cannot be read, or exports something else. */
export async function loadOwnTests(file: string): Promise<OwnTests> {
  const { default: found } = await importFile(file);
  const exported = typeof found === 'function' ? await asked(file, found as Ask) : found;
  if (typeof exported !== 'object' || exported === null) throw new UsageError(`${file}: ${EXPECTED}`, OPTION);
  const fixtures: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  return {
    suiteWith: (base, generation) => suiteWith(base, fixtures, generation),
    boot: (description) => Machine.bootAs(description),
  };
}

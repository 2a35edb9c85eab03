// SPDX-License-Identifier: GPL-2.0-only
/** `--insmod FILE`: drivers from outside of the tree, as modules of JavaScript. Each thread loads them for itself. */
import { existsSync, statSync } from 'node:fs';
import { register } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { Insmod } from '../machine/registry.js';
import { UsageError } from '../sim/errors.js';
import { showFileAs } from '../sim/stranger.js';
import { isRefusal } from './files/host-error.js';
import { cannotRead, readErrorText } from './input.js';

const OPTION = '--insmod';

export interface InsmodFlags {
  /** FILE, or FILE,NAME=VALUE ... */
  readonly insmod: readonly string[];
}

const HELP = 'load the driver in FILE, of your own (docs/DRIVERS.md), with its parameters; repeatable';

export function addInsmodOption(command: Command): Command {
  const collect = (text: string, previous: readonly string[]): readonly string[] => [...previous, text];
  return command.addOption(
    command.createOption('--insmod <file[,name=value...]>', HELP).argParser(collect).default([], 'none'),
  );
}

/** Wherever the file is, `hmm-sim/driver` is that of this program. */
function provideLibrary(): void {
  const url = new URL('../library/driver.js', import.meta.url).href;
  const hook = `export function resolve(specifier, context, next) {
    return specifier === 'hmm-sim/driver' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(specifier, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}

const TYPED = new Set(['.ts', '.mts', '.cts']);

/** Throws UsageError where this Node does not run TypeScript. */
function checkLanguage(file: string): void {
  const { typescript } = process.features as { typescript?: unknown };
  if (!TYPED.has(extname(file)) || typescript) return;
  const what = `${file}: Node ${process.versions.node} runs no TypeScript; compile it (npx tsc), and name the .js file`;
  throw new UsageError(what, OPTION);
}

/** What is wrong, in one line, with the line of the file where that is told. */
function whyNot(file: string, url: string, error: unknown): string {
  if (!(error instanceof Error)) return `${file} does not load: it threw ${String(error)}`;
  const { stack = '', message } = error;
  const [, line] = new RegExp(`${escaped(url)}:(\\d+)`).exec(stack) ?? [];
  const [first] = message.split('\n');
  return `${line === undefined ? file : `${file}:${line}`} does not load: ${first}`;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

async function importDriver(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) throw new UsageError(`there is no file ${file}`, OPTION);
  checkLanguage(file);
  const url = pathToFileURL(path).href;
  showFileAs(url, file);
  try {
    const { default: driver } = (await import(url)) as { default?: unknown };
    return driver;
  } catch (error) {
    if (isRefusal(error)) throw cannotRead(error, OPTION, `${file}: ${readErrorText(error)}`);
    throw new UsageError(whyNot(file, url, error), OPTION);
  }
}

function paramOf(text: string): [string, string] {
  const [, name, value] = /^(\w+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`expected NAME=VALUE, got "${text}"`, OPTION);
  return [name, value!];
}

/** The drivers that were asked for. Throws UsageError, or HostError, in one line. */
export async function loadDrivers(texts: readonly string[] = []): Promise<readonly Insmod[]> {
  if (texts.length === 0) return [];
  provideLibrary();
  const { insmodOf } = await import('../library/insmod.js');
  const found: Insmod[] = [];
  for (const text of texts) {
    const [file = '', ...params] = text.split(',');
    const driver = await importDriver(file);
    found.push(insmodOf(driver, Object.fromEntries(params.map(paramOf)), `${OPTION}: ${file}`));
  }
  return found;
}

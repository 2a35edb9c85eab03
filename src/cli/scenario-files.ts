// SPDX-License-Identifier: GPL-2.0-only
/** Finds, reads and writes the files that hold scenarios. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Loaded, load, type Mistake, type Syntax, sniffSyntax, syntaxOf } from '../scenario/load.js';

const STDIN = '-';

export interface TextFile {
  /** As the user named it; "-" is standard input. */
  readonly name: string;
  readonly syntax: Syntax;
  readonly text: string;
}

export interface ScenarioFile extends TextFile {
  readonly loaded: Loaded;
}

/** A file's name in messages. */
export function displayName({ name }: TextFile): string {
  return name === STDIN ? 'stdin' : name;
}

/** Nobody keeps scenarios there. */
const isForeign = (directory: string): boolean => directory === 'node_modules' || directory.startsWith('.');

/** JSON is many things; a scenario has steps. */
function hasSteps(path: string): boolean {
  let text = '';
  try {
    ({ text } = read(path));
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && 'steps' in document;
  } catch {
    // One that cannot be read, or is cut, may have been meant.
    return text === '' || text.includes('"steps"');
  }
}

function isScenarioFile(path: string): boolean {
  const syntax = syntaxOf(path);
  return syntax === 'json' ? hasSteps(path) : syntax !== undefined;
}

/** Every scenario file below a directory, in the order of names. */
function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return isForeign(entry.name) ? [] : filesBelow(path);
    return isScenarioFile(path) ? [path] : [];
  });
}

function errorText(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file or directory';
  if (code === 'EACCES') return 'permission denied';
  return (error as Error).message;
}

/** The files that an argument stands for. */
function expand(argument: string, mistakes: Mistake[]): string[] {
  if (argument === STDIN) return [STDIN];
  try {
    if (!statSync(argument).isDirectory()) return [argument];
    const files = filesBelow(argument);
    const wanted = '*.yaml, *.yml, *.jsonl, or *.json with steps, .gz or not';
    if (files.length === 0)
      mistakes.push({ where: argument, message: `expected scenarios there (${wanted})` });
    return files;
  } catch (error) {
    mistakes.push({ where: argument, message: errorText(error) });
    return [];
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function read(name: string): TextFile {
  const bytes = readFileSync(name === STDIN ? 0 : name);
  const text = (isGzip(bytes) ? gunzipSync(bytes) : bytes).toString('utf8');
  return { name, syntax: syntaxOf(name) ?? sniffSyntax(text), text };
}

/** All files that the arguments stand for, and those that cannot be read. */
export function readTextFiles(args: readonly string[]): { files: TextFile[]; mistakes: Mistake[] } {
  const mistakes: Mistake[] = [];
  const files: TextFile[] = [];
  for (const name of args.flatMap((argument) => expand(argument, mistakes))) {
    try {
      files.push(read(name));
    } catch (error) {
      mistakes.push({ where: name, message: errorText(error) });
    }
  }
  return { files, mistakes };
}

/** All files that the arguments stand for, and what is wrong with arguments, files and documents. */
export function readScenarioFiles(args: readonly string[]): { files: ScenarioFile[]; mistakes: Mistake[] } {
  const { files, mistakes } = readTextFiles(args);
  const loaded = files.map((file) => ({ ...file, loaded: load(file.text, displayName(file), file.syntax) }));
  return { files: loaded, mistakes: [...mistakes, ...loaded.flatMap((file) => file.loaded.mistakes)] };
}

/** Write a file's new text, compressed where the name says so. */
export function writeScenarioFile(name: string, text: string): void {
  writeFileSync(name, name.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text);
}

// SPDX-License-Identifier: GPL-2.0-only
/** Standard output and error, and the ways in which the world ends a run: Ctrl-C, a closed pipe, a full disk. */
import { fstatSync } from 'node:fs';
import { Chalk } from 'chalk';
import { printable } from '../sim/printable.js';
import { EXIT_IO, EXIT_OF_SIGNAL, EXIT_PIPE } from './exit-codes.js';
import { HostError, reasonOf } from './files/host-error.js';
import { writeAll } from './files/write-all.js';
import { statusLine } from './progress.js';

/** Lines that wait to be written with those that follow: a system call for each costs more than a scenario. */
let waiting = '';

let lost = false;
let exiting = false;

/** Nobody can have what this command prints: end at once, with a line where somebody can read that. */
function outputFailed(error: NodeJS.ErrnoException): void {
  if (lost) return;
  lost = true;
  const isPipe = error.code === 'EPIPE';
  if (!isPipe) printErrorLine(`hmm-sim: cannot write standard output: ${reasonOf(error)}`);
  const status = isPipe ? EXIT_PIPE : EXIT_IO;
  // Who ends already has others to clean up behind it.
  if (exiting) process.exitCode = status;
  else process.exit(status);
}

/** The stream of a file does not look whether the disk took all, and tells of errors too late for an exit. */
function isFile(): boolean {
  try {
    const stats = fstatSync(process.stdout.fd);
    return stats.isFile() || (stats.isCharacterDevice() && process.stdout.isTTY !== true);
  } catch {
    return false;
  }
}

let file: boolean | undefined;

/** Text on standard output, now. */
export function printNow(text: string): void {
  if (lost) return;
  file ??= isFile();
  try {
    if (file) writeAll(process.stdout.fd, text);
    else process.stdout.write(text);
  } catch (error) {
    outputFailed(error as NodeJS.ErrnoException);
  }
}

function writeWaiting(): void {
  const text = waiting;
  waiting = '';
  if (text === '') return;
  statusLine.clear();
  printNow(text);
}

process.on('exit', () => {
  exiting = true;
  writeWaiting();
  statusLine.clear();
});

/** Text of ours on standard output, as it is; written when the event loop has its turn, at the latest at the exit. */
export function printText(text: string): void {
  if (waiting === '') setImmediate(writeWaiting);
  waiting += `${text}\n`;
}

/** One line on standard output, whatever a stranger has put into it. */
export function printLine(line: string): void {
  printText(printable(line));
}

export function printErrorLine(line: string): void {
  printErrorText(printable(line));
}

/** Text of ours on standard error, as it is. */
export function printErrorText(text: string): void {
  writeWaiting();
  statusLine.clear();
  try {
    process.stderr.write(`${text}\n`);
  } catch {
    // There is nobody else to tell.
    process.exitCode = EXIT_IO;
  }
}

/** A reader that went away (`| head`) is no error: end at once and quietly. */
export function endOnLostOutput(): void {
  process.stdout.on('error', outputFailed);
  process.stderr.on('error', ({ code }: NodeJS.ErrnoException) => {
    process.exit(code === 'EPIPE' ? EXIT_PIPE : EXIT_IO);
  });
}

/**
 * Let signals and output have their turn: a simulation never waits, so without this a Ctrl-C would only be
 * seen at the end of the run.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type EndSignal = keyof typeof EXIT_OF_SIGNAL;

/**
 * On Ctrl-C, SIGTERM or SIGHUP run `last` with what happened, then exit with the signal's status. Return: a function that
 * takes this back.
 */
export function onInterrupt(last: (what: string) => void): () => void {
  const handlers = (Object.keys(EXIT_OF_SIGNAL) as EndSignal[]).map((signal) => {
    const handler = () => {
      try {
        last(signal === 'SIGINT' ? 'interrupted' : `interrupted by ${signal}`);
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        printErrorLine(`hmm-sim: ${error.message}`);
      }
      process.exit(EXIT_OF_SIGNAL[signal]);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const takeBack of handlers) takeBack();
  };
}

/** Colours a line of KTAP, made printable, by what it says. */
export type Painter = (line: string) => string;

/**
 * Colours on a terminal, and where FORCE_COLOR asks for them, as the logs of CI have none; not where NO_COLOR asks for
 * none (https://no-color.org).
 */
export function colours(): boolean {
  const { FORCE_COLOR: force = '', NO_COLOR: none = '' } = process.env;
  if (force !== '') return force !== '0' && force !== 'false';
  return process.stdout.isTTY === true && none === '';
}

export function ktapPainter(): Painter {
  if (!colours()) return printable;
  const chalk = new Chalk({ level: 1 });
  return (text) => {
    const line = printable(text);
    if (line.startsWith('not ok ') || line.startsWith('Bail out!')) return chalk.red(line);
    if (/^ok .*# SKIP/.test(line)) return chalk.yellow(line);
    if (line.startsWith('ok ')) return chalk.green(line);
    return line.startsWith('#') ? chalk.dim(line) : line;
  };
}

// SPDX-License-Identifier: GPL-2.0-only
/** Standard output and error, and the two ways in which the world ends a run: Ctrl-C and a closed pipe. */
import { Chalk } from 'chalk';
import { printable } from '../sim/printable.js';
import { EXIT_OF_SIGNAL, EXIT_PIPE } from './exit-codes.js';
import { statusLine } from './progress.js';

/** Lines that wait to be written with those that follow: a system call for each costs more than a scenario. */
let waiting = '';

function writeWaiting(): void {
  const text = waiting;
  waiting = '';
  if (text === '') return;
  statusLine.clear();
  process.stdout.write(text);
}

process.on('exit', () => {
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
  writeWaiting();
  statusLine.clear();
  process.stderr.write(`${printable(line)}\n`);
}

/** A reader that went away (`| head`) is no error: end at once and quietly. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT_PIPE);
    });
  }
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
      last(signal === 'SIGINT' ? 'interrupted' : `interrupted by ${signal}`);
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

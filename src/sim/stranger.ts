// SPDX-License-Identifier: GPL-2.0-only
/** Strangers' files, as stacks name them: drivers, programs and tests that are not of this tree. */

/** Where this program is: what is not in here, nor in Node, is a driver's, or its user's. */
const ROOT = new URL('../..', import.meta.url).pathname;
const OWN = [`${ROOT}src/`, `${ROOT}dist/`, `${ROOT}bundle/`];

/** Files as their users name them, by path; others are shown by their last name. */
const shownAs = new Map<string, string>();

/** `url` of a file, as file://...; `shown` as its user names it. */
export function showFileAs(url: string, shown: string): void {
  shownAs.set(new URL(url).pathname, shown);
}

/** What a stack calls the file, as it is shown; undefined for what is no driver's. */
function shownFile(url: string): string | undefined {
  if (!/^(?:file:\/)?\//.test(url)) return undefined;
  const path = url.replace(/^file:\/\//, '');
  if (OWN.some((own) => path.startsWith(own))) return undefined;
  return shownAs.get(path) ?? path.slice(path.lastIndexOf('/') + 1);
}

/** A line of a driver. */
export interface Site {
  /** The function, where it has a name. */
  readonly fn: string;
  /** "mirror.js:42". */
  readonly place: string;
  /** Whether the kernel called it, and not a program that is in the same file. */
  readonly inKernel: boolean;
}

/** A line of a stack; undefined for the message, and for what has no file. */
function frameOf(line: string): { fn: string | undefined; url: string; number: string } | undefined {
  const [, fn, url, number] = /^ +at (?:(.+?) \()?([^()\s]+?)(?:\?[^():]*)?:(\d+):\d+\)?$/.exec(line) ?? [];
  return url === undefined ? undefined : { fn, url, number: number! };
}

/** The innermost line of a driver in a stack; null when there is none. */
export function siteIn(stack: string): Site | null {
  const lines = stack.split('\n');
  for (const [n, line] of lines.entries()) {
    const frame = frameOf(line);
    const shown = frame && shownFile(frame.url);
    if (frame === undefined || shown === undefined) continue;
    const inKernel = lines.slice(n + 1).some((outer) => /\/(?:kernel|mm|fs|machine)\//.test(outer));
    const name = (frame.fn ?? 'unknown').replace(/^.*\./, '').replace(/ \[as .*/, '');
    return { fn: name, place: `${shown}:${frame.number}`, inKernel };
  }
  return null;
}

/** Errors of the machine, by which it ends what runs on it. */
const OURS = new Set([
  'KernelBug',
  'Hang',
  'InvariantViolation',
  'UsageError',
  'TimedOut',
  'ScheduleRefused',
  'ProcessDied',
]);

export const isOurs = ({ name }: Error): boolean => OURS.has(name);

/** "mirror.js:42" of the innermost line of a stranger's file in a stack; undefined when there is none. */
export const strangersPlace = (stack: string): string | undefined => siteIn(stack)?.place;

/** What helps tests and programs: what it trips over is a mistake of whoever called it. */
const HELPERS = OWN.flatMap((own) => ['library/', 'selftests/'].map((room) => own + room));

/** Whether a stranger's program has thrown this, by itself or in what helps it: nothing of the machine stands between. */
export function isThrownByStranger(error: unknown): error is Error {
  if (!(error instanceof Error) || isOurs(error)) return false;
  for (const line of (error.stack ?? '').split('\n')) {
    const frame = frameOf(line);
    if (frame === undefined || frame.url.startsWith('node:')) continue;
    if (shownFile(frame.url) !== undefined) return true;
    const path = frame.url.replace(/^file:\/\//, '');
    if (!HELPERS.some((helpers) => path.startsWith(helpers))) return false;
  }
  return false;
}

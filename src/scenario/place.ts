// SPDX-License-Identifier: GPL-2.0-only
/** Addresses, ranges and steps as reports name them: r0[3], r0[0..7], "p0 MIGRATE_TO_DEV d0 r0[0..3]". */
import { placeOf } from './actor.js';
import { fold } from './folded.js';
import type { StepResult } from './result.js';
import type { Step } from './schema.js';

/** How a report names an address. */
export type NameAddress = (addr: number) => string;

/** "r0[3]" for an address inside a region, else hexadecimal. */
export function regionName(addr: number): string {
  const place = placeOf(addr);
  return place === undefined ? `0x${addr.toString(16)}` : `r${place.region}[${place.page}]`;
}

export function rangeText(region: string, page: number, pages: number): string {
  if (pages === 0) return `${region}[${page}..)`;
  return pages === 1 ? `${region}[${page}]` : `${region}[${page}..${page + pages - 1}]`;
}

const NAMED_ALREADY = new Set([
  'as',
  'thread',
  'op',
  'cmd',
  'command',
  'fd',
  'region',
  'page',
  'pages',
  'expect',
  'to',
  'buffer',
]);

function operand(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A step in one line, without its expectation. */
export function stepText(step: Step): string {
  const fields = step as Readonly<Record<string, unknown>>;
  const name = 'cmd' in step ? step.cmd : step.op === 'driver' ? step.command : step.op;
  const who = typeof fields.thread === 'string' ? [fields.thread] : [];
  const words = [step.as ?? 'p0', ...who, name];
  if (typeof fields.fd === 'string') words.push(fields.fd);
  const { region, page, pages } = fields as { region?: string; page?: number; pages?: number };
  if (region !== undefined) {
    words.push(pages === undefined ? region : rangeText(region, page ?? 0, pages));
  }
  if (step.op === 'mremap' && step.to !== undefined)
    words.push(`to=${rangeText(step.to.region, step.to.page, step.pages)}`);
  if ('buffer' in step && step.buffer !== undefined)
    words.push(`buffer=${rangeText(step.buffer.region, step.buffer.page, 1)}`);
  for (const [key, value] of Object.entries(fields)) {
    if (!NAMED_ALREADY.has(key)) words.push(`${key}=${operand(value)}`);
  }
  return words.join(' ');
}

const MAX_GROUPS = 8;

/** "1, 2, ok x65536": values in a row, those that repeat themselves once. */
function foldedText(values: readonly (number | string)[]): string {
  const groups = fold(values, 2);
  return [...groups.slice(0, MAX_GROUPS), ...(groups.length > MAX_GROUPS ? ['...'] : [])].join(', ');
}

/** What a step answered; of its lists those that no report shows page by page. */
export function answerText(result: StepResult): string {
  if (result.oops !== undefined) return `oops in ${result.oops}`;
  if (result.hang !== undefined) return `hang in ${result.hang}`;
  if (result.waits !== undefined) return `waits in ${result.waits}`;
  const { ret, cpages, faults, answer, pinned, bytes, struct, type, pages, map, core, data } = result;
  const words = Object.entries({ ret, cpages, faults, answer, pinned, bytes, struct, type })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${value}`);
  // What a device read, its report shows.
  const arrived = bytes === undefined ? undefined : data;
  const lists = [pages, map, core, arrived].flatMap((list) => (list === undefined ? [] : foldedText(list)));
  return words.length + lists.length === 0 ? 'done' : [...words, ...lists].join(', ');
}

// SPDX-License-Identifier: GPL-2.0-only
/** Tab completion: what may stand where the cursor is. */
import { actorOf, threadOf } from '../scenario/line.js';
import { COMMAND_NAMES, usageOf } from './commands.js';

/** What the session has by name. */
export interface KnownNames {
  readonly fds: readonly string[];
  readonly regions: readonly string[];
  readonly processes: readonly string[];
}

const CHOICE = /^[a-z_]+$/;

/** Kernel people shout; whoever begins so goes on so. */
function spelledLike(word: string, names: readonly string[]): string[] {
  const shouted = /^[A-Z_]+$/.test(word);
  const lower = word.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().startsWith(lower));
  return shouted ? found.map((name) => name.toUpperCase()) : found;
}

/** Candidates for word `index` behind a command of this usage. */
function candidates(usage: string, index: number, known: KnownNames): string[] {
  const places = usage.replace(/[[\]]/g, '').split(/\s+/);
  const here = places.slice(index);
  const words = usage.startsWith('REGION PAGES') && index > 1 ? here : here.slice(0, 1);
  const alternatives = words.flatMap((place) => place.split('|'));
  return alternatives.flatMap((place) => {
    if (place === 'FD') return known.fds;
    if (place === 'PROCESS') return known.processes;
    if (/^(RANGE|REGION|PLACE)$/.test(place)) return known.regions;
    if (place === 'PAGE') return known.regions.map((region) => `${region}[`);
    if (place === 'COMMAND') return COMMAND_NAMES;
    return CHOICE.test(place) ? [place] : [];
  });
}

/** The candidates for the word under the cursor, and that word. */
export function complete(line: string, known: KnownNames): [string[], string] {
  const all = line.trimStart().split(/\s+/);
  const { rest } = threadOf(actorOf(all).rest);
  const words = rest.length === 0 ? [''] : rest;
  const word = words.at(-1)!;
  if (words.length === 1) {
    const processes = all.length === 1 ? known.processes : [];
    return [spelledLike(word, [...COMMAND_NAMES, ...(word === '' ? [] : processes)]), word];
  }
  const usage = usageOf(words[0]!);
  if (usage === undefined) return [[], word];
  // The words of mmap may come in any order.
  const index = words.length - 2;
  const anywhere = words[0]!.toLowerCase() === 'mmap' && index > 1;
  return [spelledLike(word, candidates(usage, anywhere ? 2 : index, known)), word];
}

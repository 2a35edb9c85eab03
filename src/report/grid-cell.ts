// SPDX-License-Identifier: GPL-2.0-only
/** Cells of a grid in a few letters, and in words. */

import type { Cell, Grid, Tone } from '../explain/show-grid.js';
import { ACCESS_TEXT, pagePlace, placeText } from '../watch/observe.js';

const LETTER: Readonly<Record<Tone, string>> = {
  unmapped: '',
  none: '.',
  zero: 'Z',
  system: 'S',
  'huge-local': 'H',
  'huge-remote': 'H',
  'private-local': 'P',
  'private-remote': 'P',
  'coherent-local': 'C',
  'coherent-remote': 'C',
  dax: 'D',
  exclusive: 'X',
  migrating: 'M',
  swapped: 'O',
  hwpoison: '!',
};

type LegendItem = readonly [tone: Tone, letter: string, meaning: string];

const LEGEND: readonly LegendItem[] = [
  ['none', '.', 'nothing mapped'],
  ['zero', 'Z', 'zero page'],
  ['system', 'S', 'system memory'],
  ['private-local', 'P', 'private (local)'],
  ['private-remote', 'P', 'private (remote)'],
  ['coherent-local', 'C', 'coherent (local)'],
  ['coherent-remote', 'C', 'coherent (remote)'],
  ['exclusive', 'X', 'exclusive to a device'],
];

/** Named only where there are any. */
const RARE: readonly LegendItem[] = [
  ['huge-local', 'H', 'private huge page (local)'],
  ['huge-remote', 'H', 'private huge page (remote)'],
  ['dax', 'D', 'persistent memory'],
  ['migrating', 'M', 'being migrated'],
  ['swapped', 'O', 'swapped out'],
  ['hwpoison', '!', 'lost by the hardware'],
];

const tonesOf = ({ rows }: Grid): ReadonlySet<Tone> =>
  new Set(rows.flatMap((row) => row.cells.flatMap((cell) => (cell === null ? [] : [cell.tone]))));

/** What each tone means in this grid, in the order of the legend. */
export function legendOf(grid: Grid): readonly LegendItem[] {
  const there = tonesOf(grid);
  const items = [...LEGEND, ...RARE.filter(([tone]) => there.has(tone))];
  if (!grid.generic) return items;
  return items.map(([tone, letter, meaning]): LegendItem => {
    return letter === 'C' ? [tone, 'G', meaning.replace('coherent', 'generic')] : [tone, letter, meaning];
  });
}

export interface Occurring {
  readonly tones: readonly LegendItem[];
  /** Is any page another one than after the step before? */
  readonly moved: boolean;
  /** Sentences on the rest of a cell. */
  readonly notes: readonly string[];
}

/** What is in the cells of this grid, for a legend of that alone. */
export function occurring(grid: Grid): Occurring {
  const cells = grid.rows.flatMap((row) => row.cells.filter((cell) => cell !== null));
  const there = tonesOf(grid);
  const tones = legendOf(grid).filter(([tone]) => there.has(tone));
  return { tones, moved: cells.some(({ moved }) => moved), notes: notesOf(grid, cells, tones) };
}

const KEPT = {
  locked: "locked: somebody in the kernel has the page's lock",
  held: 'held: somebody in the kernel keeps the page with a reference and no pin',
} as const;

/** What the words at the end of cells mean, as far as there are any. */
export function keptNotes({ rows }: Grid): readonly string[] {
  const there = new Set(rows.flatMap(({ cells }) => cells.map((cell) => cell?.kept)));
  return (['locked', 'held'] as const).filter((kept) => there.has(kept)).map((kept) => KEPT[kept]);
}

function notesOf(grid: Grid, cells: readonly Cell[], tones: readonly LegendItem[]): string[] {
  const notes: string[] = [];
  if (tones.some(([, , meaning]) => /local|remote/.test(meaning)))
    notes.push(`Behind the letter stands the number of the device; local is ${grid.device}.`);
  const mapped = cells.filter(({ tone }) => tone !== 'none' && tone !== 'unmapped');
  const cpu = ['r', 'rw', ''].filter((one) => mapped.some(({ state }) => state.cpu === one));
  if (cpu.length > 0) {
    const words = cpu.map((one) => (one === '' ? '- nothing' : `${one} ${ACCESS_TEXT[one as 'r' | 'rw']}`));
    notes.push(`Then what the CPU does without a fault: ${words.join(', ')}.`);
  }
  const access = new Set(mapped.flatMap(({ state }) => state.devices.map((device) => device.access)));
  if (access.size > 0) {
    const words = [...access].sort().map((one) => `${one} ${ACCESS_TEXT[one]}`);
    notes.push(`Then each device by its number, and what is in its page table: ${words.join(', ')}.`);
  }
  return [...notes, ...keptNotes(grid).map((note) => `${note}.`)];
}

/** "S rw 0r": where, what the CPU may do without a fault ("-": nothing), and what each device has in its table. */
export function cellText(cell: Cell | null): string {
  if (cell === null || cell.tone === 'unmapped') return '';
  const { state, tone } = cell;
  const where = `${state.generic ? 'G' : LETTER[tone]}${state.device?.minor ?? ''}`;
  if (tone === 'none') return where;
  const devices = state.devices.map(({ device, access }) => `${device.minor}${access}`);
  return [where, state.cpu === '' ? '-' : state.cpu, ...devices, cell.kept ?? []].flat().join(' ');
}

function vmaText({ vma }: Cell['state']): string {
  if (vma === null) return 'no VMA';
  const access = `${vma.read ? 'r' : '-'}${vma.write ? 'w' : '-'}`;
  return `VMA ${access} ${vma.shared ? 'shared' : 'private'} ${vma.backing}`;
}

/** Everything about a cell, line by line. */
export function cellDetails(cell: Cell | null): string[] {
  if (cell === null) return ['no such process'];
  const { state } = cell;
  const lines = [placeText(pagePlace(state)), vmaText(state)];
  if (state.pfn >= 0) {
    lines.push(`entry: ${state.pte}`, `refcount ${state.refcount}, mapcount ${state.mapcount}`);
  }
  lines.push(state.cpu === '' ? 'CPU: faults' : `CPU: ${ACCESS_TEXT[state.cpu as 'r' | 'rw']}`);
  if (cell.kept !== null) lines.push(KEPT[cell.kept]);
  for (const { device, access } of state.devices) lines.push(`${device.name}: ${ACCESS_TEXT[access]}`);
  return lines;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Cells of a grid in a few letters, and in words. */

import type { Cell, Grid, Tone } from '../explain/show-grid.js';
import { ACCESS_TEXT, pagePlace, placeText } from '../watch/observe.js';

const LETTER: Readonly<Record<Tone, string>> = {
  unmapped: '',
  none: '.',
  zero: 'Z',
  system: 'S',
  'private-local': 'P',
  'private-remote': 'P',
  'coherent-local': 'C',
  'coherent-remote': 'C',
  exclusive: 'X',
  migrating: 'M',
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

/** What each tone means in this grid, in the order of the legend. */
export function legendOf({ generic }: Grid): readonly LegendItem[] {
  if (!generic) return LEGEND;
  return LEGEND.map(([tone, letter, meaning]): LegendItem => {
    return letter === 'C' ? [tone, 'G', meaning.replace('coherent', 'generic')] : [tone, letter, meaning];
  });
}

/** "S rw 0r": where, what the CPU may do without a fault ("-": nothing), and what each device has in its table. */
export function cellText(cell: Cell | null): string {
  if (cell === null || cell.tone === 'unmapped') return '';
  const { state, tone } = cell;
  const where = `${state.generic ? 'G' : LETTER[tone]}${state.device?.minor ?? ''}`;
  if (tone === 'none') return where;
  const devices = state.devices.map(({ device, access }) => `${device.minor}${access}`);
  return [where, state.cpu === '' ? '-' : state.cpu, ...devices].join(' ');
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
  for (const { device, access } of state.devices) lines.push(`${device.name}: ${ACCESS_TEXT[access]}`);
  return lines;
}

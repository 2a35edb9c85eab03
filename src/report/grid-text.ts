// SPDX-License-Identifier: GPL-2.0-only
/** A grid as text: as many columns side by side as fit, then the next ones below. */

import type { Cell, Grid, GridColumn, GridRow, Tone } from '../explain/show-grid.js';
import { printable } from '../sim/printable.js';
import { cellText, keptNotes, legendOf } from './grid-cell.js';

/** Colours text by what it shows; plain text stays as it is. */
export type TonePainter = (text: string, tone: Tone) => string;

export interface TextOptions {
  /** Characters of a line. */
  readonly width: number;
  readonly paint: TonePainter;
}

const GAP = 2;

function columnWidth(grid: Grid, index: number): number {
  const { head, step } = grid.columns[index]!;
  const texts = grid.rows.map(({ cells }) => cellText(cells[index] ?? null));
  return Math.max(head.length, String(step).length, ...texts.map((text) => text.length));
}

/** Columns [from, to) that fit beside the names; at least one. */
function fit(widths: readonly number[], from: number, room: number): number {
  let to = from;
  for (let used = 0; to < widths.length; to++) {
    used += widths[to]! + GAP;
    if (used > room && to > from) break;
  }
  return to;
}

/** Text as it looks, and its characters without the colours. */
interface Word {
  readonly text: string;
  readonly length: number;
}

const wordsOf = (text: string): Word[] =>
  text.split(' ').map((word) => ({ text: word, length: word.length }));

/** The words in lines that are no longer than `width`, where no word is. */
function wrapped(words: readonly Word[], width: number): string[] {
  const lines: string[] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const word of words) {
    if (length + 1 + word.length > width) {
      lines.push(word.text);
      length = word.length;
    } else {
      lines.push(`${lines.pop()} ${word.text}`);
      length += 1 + word.length;
    }
  }
  return lines;
}

function legendLines({ paint, width }: TextOptions, grid: Grid): string[] {
  const legend = legendOf(grid);
  const items = legend.map(([tone, letter, meaning], i) => {
    const end = `${meaning}${i === legend.length - 1 ? ';' : ','}`;
    return { text: `${paint(letter, tone)} ${end}`, length: `${letter} ${end}`.length };
  });
  const both = `P and ${grid.generic ? 'G' : 'C'}`;
  const number = `${both} have the number of their device; local is ${grid.device}`;
  const access =
    'behind it what the CPU does without a fault (- nothing), then each device: 0r reads, 0rw writes too, 0a atomic';
  return [
    ...wrapped([...items, ...wordsOf(number)], width),
    ...wrapped(wordsOf(access), width),
    ...keptNotes(grid).flatMap((note) => wrapped(wordsOf(note), width)),
  ];
}

function stepLines(columns: readonly GridColumn[]): string[] {
  const width = String(columns.at(-1)?.step ?? 0).length;
  return columns.map(({ step, text, answer }) => `${String(step).padStart(width)}  ${text}: ${answer}`);
}

class Block {
  constructor(
    private readonly grid: Grid,
    private readonly options: TextOptions,
    private readonly widths: readonly number[],
    private readonly names: number,
  ) {}

  lines(from: number, to: number): string[] {
    const columns = this.grid.columns.slice(from, to);
    const line = (name: string, cells: readonly string[]) =>
      [name.padEnd(this.names), ...cells].join('  ').trimEnd();
    const pad = (text: string, i: number) => text.padEnd(this.widths[from + i]!);
    return [
      line(
        '',
        columns.map(({ step }, i) => pad(String(step), i)),
      ),
      line(
        '',
        columns.map(({ head }, i) => pad(head, i)),
      ),
      ...this.grid.rows
        .map((row) => ({ name: row.name, cells: this.#cells(row, from, to) }))
        .filter(({ cells }) => cells.some((text) => text.trim() !== ''))
        .map(({ name, cells }) => line(name, cells)),
    ];
  }

  #cells({ cells }: GridRow, from: number, to: number): string[] {
    return cells.slice(from, to).map((cell, i) => this.#cell(cell, this.widths[from + i]!));
  }

  #cell(cell: Cell | null, width: number): string {
    const text = cellText(cell);
    const padding = ' '.repeat(width - text.length);
    return text === '' ? padding : this.options.paint(text, cell!.tone) + padding;
  }
}

/** Title, steps, legend and grid. */
export function gridText(grid: Grid, options: TextOptions): string[] {
  if (grid.columns.length === 0) return [`${printable(grid.title)} on ${grid.kernel}: no steps`];
  const names = Math.max(0, ...grid.rows.map(({ name }) => name.length));
  const widths = grid.columns.map((_, i) => columnWidth(grid, i));
  const block = new Block(grid, options, widths, names);
  const lines = [`${printable(grid.title)} on ${grid.kernel}`, '', ...stepLines(grid.columns), ''];
  lines.push(...legendLines(options, grid));
  for (let from = 0; from < widths.length; ) {
    const to = fit(widths, from, options.width - names);
    lines.push('', ...block.lines(from, to));
    from = to;
  }
  if (grid.hidden > 0) lines.push('', `${grid.hidden} pages of large regions are not shown`);
  return lines;
}

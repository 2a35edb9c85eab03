// SPDX-License-Identifier: GPL-2.0-only
/** Which syntax a text is in, and the parts that it loads in: all that one knows before any document is read. */

export type Syntax = 'yaml' | 'json' | 'jsonl';

/** The syntax that a file name promises (".gz" ignored); undefined for other names. */
export function syntaxOf(file: string): Syntax | undefined {
  const extension = /\.(yaml|yml|json|jsonl)(\.gz)?$/.exec(file)?.[1];
  if (extension === 'yml') return 'yaml';
  return extension as Syntax | undefined;
}

/** The syntax of text without a name, as standard input is. */
export function sniffSyntax(text: string): Syntax {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^\s*\{\s*("|$)/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && lines.every((line) => line.startsWith('{')) ? 'jsonl' : 'json';
}

/** A piece of a file that loads on its own: some lines of JSON Lines, or all of another file. */
export interface Part {
  readonly file: string;
  readonly syntax: Syntax;
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The offset after `count` more lines. */
function linesFrom(text: string, offset: number, count: number): number {
  if (count === Number.POSITIVE_INFINITY) return text.length;
  let end = offset;
  for (let i = 0; i < count; i++) {
    const newline = text.indexOf('\n', end);
    if (newline < 0) return text.length;
    end = newline + 1;
  }
  return end;
}

/** The parts of a file, in order; `lines` of JSON Lines each. */
export function partsOf(text: string, file: string, syntax: Syntax, lines: number, first = 1): Part[] {
  if (syntax !== 'jsonl') return [{ file, syntax, line: 1, text }];
  const parts: Part[] = [];
  for (let start = 0; start < text.length; ) {
    const end = linesFrom(text, start, lines);
    parts.push({
      file,
      syntax,
      line: first + (start === 0 ? 0 : parts.length * lines),
      text: text.slice(start, end),
    });
    start = end;
  }
  return parts;
}

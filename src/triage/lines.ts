// SPDX-License-Identifier: GPL-2.0-only
/** A log's text to lines: any line ends, mail's soft ones too, in memory that does not grow with the log. */

/** Longer lines are cut: whatever is said of a test fits. */
export const MAX_LINE = 4096;

/** JSON has whole excerpts in a line; KCIDB's are of 16,384 characters, before they are escaped. */
const MAX_JSON = 65_536;

/** Mail's line that goes on: at most 76 characters, the last of which is a lone "=". */
const SOFT = { least: 70, most: 76 };

export interface Line {
  readonly text: string;
  /** Counted from 1; of a joined line, the last of its parts. */
  readonly number: number;
  /** The rest of the line was dropped, or the log ends in it. */
  readonly cut: boolean;
}

function isSoft(text: string): boolean {
  const { length } = text;
  if (length < SOFT.least || length > SOFT.most || text.charCodeAt(length - 1) !== 61) return false;
  return text.charCodeAt(length - 2) !== 61;
}

/** Quoted-printable, where the line has some: an "=" is "=3D" in it. */
function unquote(text: string): string {
  if (!/=(?:3D|20|09|5B|1B)/.test(text)) return text;
  return text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export class LineReader {
  private rest = '';
  private overflowed = false;
  private held = '';
  private count = 0;

  constructor(private readonly onLine: (line: Line) => void) {}

  /** The next piece of the log, which may end anywhere. */
  push(chunk: string): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf('\n', from);
      if (end < 0) break;
      this.append(chunk, from, end);
      this.line(false);
      from = end + 1;
    }
    this.append(chunk, from, chunk.length);
  }

  end(): void {
    if (this.rest === '' && this.held === '') return;
    this.line(this.rest !== '');
    if (this.held !== '') this.tell(this.held, true);
  }

  /** Characters that are kept of a line with this piece in it. */
  private most(chunk: string, from: number, to: number): number {
    if (this.rest.length + to - from <= MAX_LINE) return MAX_LINE;
    const begins = (this.rest === '' ? chunk.slice(from, from + 64) : this.rest.slice(0, 64)).trimStart();
    return /^(?:- )?[{"]/.test(begins) ? MAX_JSON : MAX_LINE;
  }

  private append(chunk: string, from: number, to: number): void {
    const room = this.most(chunk, from, to) - this.rest.length;
    if (to - from > room) this.overflowed = true;
    const piece = chunk.slice(from, from + Math.min(to - from, room));
    this.rest = this.rest === '' ? piece : this.rest + piece;
  }

  private line(cut: boolean): void {
    let text = this.rest;
    const { overflowed } = this;
    this.rest = '';
    this.overflowed = false;
    this.count++;
    let end = text.length;
    while (end > 0 && text.charCodeAt(end - 1) === 13) end--;
    if (end < text.length) text = text.slice(0, end);
    if (isSoft(text) && this.held.length < MAX_LINE) {
      this.held += text.slice(0, -1);
      return;
    }
    if (this.held !== '') {
      text = this.held + text;
      this.held = '';
    }
    this.tell(text, cut || overflowed);
  }

  private tell(text: string, cut: boolean): void {
    this.onLine({ text: text.includes('=') ? unquote(text) : text, number: this.count, cut });
  }
}

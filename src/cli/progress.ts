// SPDX-License-Identifier: GPL-2.0-only
/** How far a long command is, in one line of the terminal: done of all, rate, time left. */

/** Milliseconds between two lines. */
const STRIDE = 200;

/** "3 h 5 min", "12 min", "40 s". */
function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "1200/5000 scenarios, 400/s, 10 s left"; without `total` nobody knows how long. */
export function progressText(
  unit: string,
  done: number,
  total: number | undefined,
  elapsedMs: number,
): string {
  const all = total === undefined ? `${done}` : `${done}/${total}`;
  if (done === 0 || elapsedMs <= 0) return `${all} ${unit}`;
  const rate = (done * 1000) / elapsedMs;
  const shown = rate < 10 ? rate.toFixed(1) : rate.toFixed(0);
  const left = total === undefined ? '' : `, ${durationText((total - done) / rate)} left`;
  return `${all} ${unit}, ${shown}/s${left}`;
}

/** Where the line goes; nothing is written where that is no terminal. */
export interface StatusStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** One line that a terminal keeps writing over. */
export class StatusLine {
  #shown = '';

  constructor(private readonly stream: StatusStream = process.stderr) {}

  show(text: string): void {
    if (this.stream.isTTY !== true || text === this.#shown) return;
    this.stream.write(`\r${text}\x1b[K`);
    this.#shown = text;
  }

  /** Before anything else is written there. */
  clear(): void {
    this.show('');
  }
}

/** The line of all commands: there is one terminal. */
export const statusLine = new StatusLine();

export class Progress {
  readonly #begun: number;
  #due = 0;

  constructor(
    private readonly unit: string,
    private readonly total: number | undefined,
    private readonly line: StatusLine = statusLine,
    private readonly clock: () => number = Date.now,
  ) {
    this.#begun = clock();
  }

  /** `done` now; `more` is what else there is to say. */
  at(done: number, more = ''): void {
    const now = this.clock();
    if (now < this.#due) return;
    this.#due = now + STRIDE;
    this.line.show(`${progressText(this.unit, done, this.total, now - this.#begun)}${more}`);
  }
}

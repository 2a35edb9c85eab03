// SPDX-License-Identifier: GPL-2.0-only
/** What `smoke` tells of its tests as they come: KTAP, and the reports at the end. */
import { dirname, join, resolve } from 'node:path';
import { bailOutLines, ktapLines, TAP_HEADER } from '../report/ktap.js';
import { type HarnessEvent, KSFT_FAIL, type ResultEvent } from '../selftests/events.js';
import { shownFile } from '../selftests/source_location.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { allOf } from './files/all-of.js';
import { isTellable } from './files/host-error.js';
import { annotationLine, inActions } from './github.js';
import { Progress } from './progress.js';
import type { Recording } from './smoke-record.js';
import type { Reports } from './smoke-reports.js';
import type { SmokeNews } from './smoke-tests.js';
import {
  breathe,
  ktapPainter,
  onInterrupt,
  type Painter,
  printErrorLine,
  printLine,
  printText,
} from './terminal.js';
import type { TraceFiles } from './trace-file.js';

/** Where the suite stands in this project. */
const SUITE = 'src/selftests/';

/** The file that a location is about, from here: that of a maintainer's own tests is theirs. */
function pathOf(file: string, ownFile: string | undefined): string {
  if (ownFile === undefined) return `${SUITE}${file}`;
  if (file === shownFile(resolve(ownFile))) return ownFile;
  return file.startsWith('hmm-tests') ? `${SUITE}${file}` : join(dirname(ownFile), file);
}

/** Runs the tests, wherever that is. */
export type RunTests = (listener: {
  tell: (news: SmokeNews) => void;
  turn: () => Promise<void>;
}) => Promise<void>;

/** What is written while the tests run. */
export interface RunFiles {
  readonly trace?: TraceFiles | undefined;
  readonly record?: Recording | undefined;
}

export class SmokeRun {
  private readonly paint: Painter = ktapPainter();
  private bailedOut: string | undefined;
  private progress: Progress | undefined;

  constructor(
    private readonly reports: Reports,
    private readonly files: RunFiles,
    private readonly ownFile?: string,
  ) {}

  /** Return: the exit code. */
  async run(runTests: RunTests): Promise<number> {
    const stopListening = onInterrupt((what) => {
      this.bailOut(what);
      this.end();
    });
    for (const line of [...(this.reports.suite.preamble ?? []), TAP_HEADER]) this.print(line);
    try {
      await runTests({ tell: (news) => this.tell(news), turn: breathe });
    } catch (error) {
      this.bailOut(isTellable(error) ? (error as Error).message : 'internal error');
      throw error;
    } finally {
      stopListening();
      this.end();
    }
    const failed = this.bailedOut !== undefined || this.reports.recorder.totals.fail > 0;
    return failed ? EXIT_FAILED : EXIT_OK;
  }

  private end(): void {
    allOf(
      () => this.reports.write(this.bailedOut),
      () => this.files.trace?.close(),
    );
  }

  private bailOut(reason: string): void {
    this.bailedOut = reason;
    for (const line of bailOutLines(reason)) this.print(line);
  }

  private print(line: string): void {
    printText(this.paint(line));
  }

  private tell(news: SmokeNews): void {
    if ('event' in news) this.onEvent(news.event);
    else if ('complaint' in news) printErrorLine(news.complaint);
    else if ('comment' in news) printLine(news.comment);
    else if ('recorded' in news) this.files.record?.write(news.recorded);
    else this.bailOut(news.bailOut);
  }

  private onEvent(event: HarnessEvent): void {
    this.reports.recorder.onEvent(event);
    const lines = ktapLines(event, this.reports.suite.style);
    if (event.type === 'plan') this.progress = new Progress('tests', event.tests);
    if (event.type === 'result') this.finished(event);
    if (event.type === 'end') this.bailedOut = event.panic;
    for (const line of event.type === 'plan' ? lines.slice(lines.indexOf(TAP_HEADER) + 1) : lines)
      this.print(line);
  }

  private finished({ number, name, code }: ResultEvent): void {
    this.progress?.at(number);
    if (code !== KSFT_FAIL || !inActions()) return;
    const log = this.reports.recorder.tests.at(-1)?.log ?? [];
    const location = log.find((entry) => entry.location !== undefined)?.location;
    const place = {
      file: pathOf(location?.file ?? 'hmm-tests', this.ownFile),
      line: location?.line ?? 1,
    };
    const message = log.map((entry) => entry.text).join('\n');
    printErrorLine(annotationLine({ ...place, title: name, message }));
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** The files that `smoke` writes next to its KTAP. */
import { jsonReport } from '../report/json.js';
import { junitXml } from '../report/junit.js';
import { type RunInfo, RunRecorder } from '../report/summary.js';
import type { Suite } from '../selftests/fixture.js';
import { allOf } from './files/all-of.js';
import { ReportFile } from './report-file.js';

export interface ReportPaths {
  readonly junit?: string | undefined;
  readonly json?: string;
}

/** The files of --junit and --json. */
export class Reports {
  readonly recorder = new RunRecorder();
  private readonly junit: ReportFile | undefined;
  private readonly json: ReportFile | undefined;

  constructor(
    { junit, json }: ReportPaths,
    /** Whose results they are of. */
    readonly suite: Suite,
    private readonly info: RunInfo,
  ) {
    if (junit !== undefined) this.junit = new ReportFile(junit, '--junit');
    if (json !== undefined) this.json = new ReportFile(json, '--json');
  }

  /** Write what there is: a run that bailed out has its finished tests, and says so. */
  write(bailedOut?: string): void {
    const info = { ...this.info, bailedOut };
    allOf(
      () => this.junit?.write(junitXml(this.recorder, info)),
      () => this.json?.write(jsonReport(this.recorder, info)),
    );
  }
}

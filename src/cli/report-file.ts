// SPDX-License-Identifier: GPL-2.0-only
/** A report that is written at the end, into a file that is known from the start to be writable. */
import { replaceFile } from './files/safe-file.js';
import { checkWritable } from './files/writable.js';

export class ReportFile {
  #written = false;

  /** Throws UsageError or HostError when the file cannot be written. */
  constructor(
    readonly path: string,
    readonly option: string,
  ) {
    checkWritable(path, option);
  }

  /** Write the report; later calls do nothing. Throws HostError. */
  write(text: string): void {
    if (this.#written) return;
    this.#written = true;
    replaceFile(this.path, text, this.option);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
import type { Log } from '../../src/triage/log.js';
import { LogReader } from '../../src/triage/reader.js';

/** A log that is there as one text. */
export function readLog(text: string): Log {
  const reader = new LogReader();
  reader.push(text);
  return reader.end();
}

// SPDX-License-Identifier: GPL-2.0-only
/** What a real kernel's trace says, of text that is there already. */
import { type RealPath, RealReader } from '../../src/paths/real.js';

export function readReal(text: string, file: string): RealPath[] {
  const reader = new RealReader(file);
  reader.add(text);
  return reader.end();
}

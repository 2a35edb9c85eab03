// SPDX-License-Identifier: GPL-2.0-only
/** The same failure has the same signature in every log: test, assertion and function count, addresses and lines do not. */
import { canonicalName } from './suites.js';
import { withoutAddresses } from './symptoms.js';

/** FNV-1a, 64 bits. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return value.toString(16).padStart(16, '0');
}

export interface Signed {
  readonly test: string;
  readonly assertion: string | undefined;
  readonly fn: string | undefined;
}

export function signature({ test, assertion, fn }: Signed): string {
  return hash([canonicalName(test), withoutAddresses(assertion ?? ''), fn ?? ''].join('\n'));
}

// SPDX-License-Identifier: GPL-2.0-only
/** Text as C spells it. */

import type { CField } from '../scenario/steps/contract.js';
import { printable } from '../sim/printable.js';

const encoder = new TextEncoder();

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t' };

/** One UTF-8 byte inside of a string literal. Octal always has three digits, so that none after it is swallowed. */
function escapeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  // Two question marks would begin a trigraph.
  if (char === '?') return '\\?';
  if (byte >= 0x20 && byte < 0x7f) return ESCAPES[char] ?? char;
  return ESCAPES[char] ?? `\\${byte.toString(8).padStart(3, '0')}`;
}

/** A string literal with the UTF-8 bytes of `text`. */
export function cString(text: string): string {
  return `"${[...encoder.encode(text)].map(escapeByte).join('')}"`;
}

/** Text that can stand inside of a comment. */
export function cComment(text: string): string {
  return printable(
    text
      .replaceAll('*/', '* /')
      .replaceAll('/*', '/ *')
      .replace(/[ \t\r\n]+/g, ' '),
  );
}

/** `.a = 1, .b = X`, without the fields that are 0: C has them so anyway. */
export function initialiser(fields: readonly CField[]): string {
  return fields
    .filter(([, value]) => value !== 0 && value !== '0')
    .map(([name, value]) => `.${name} = ${value}`)
    .join(', ');
}

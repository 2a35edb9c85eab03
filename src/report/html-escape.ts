// SPDX-License-Identifier: GPL-2.0-only
/** Text of a stranger inside HTML. */
import { printable } from '../sim/printable.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** For elements and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  const lines = text.split('\n').map(printable).join('\n');
  return lines.replace(/[&<>"\n]/g, (character) => ENTITIES[character]!);
}

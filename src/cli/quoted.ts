// SPDX-License-Identifier: GPL-2.0-only
/** Words of command lines that somebody pastes into a shell. */

/** `text` in quotes, within which a shell takes nothing for more than it is. */
export const inQuotes = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** `word` as a shell reads it back, in quotes where it needs them. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : inQuotes(word);
}

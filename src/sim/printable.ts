// SPDX-License-Identifier: GPL-2.0-only
/** Text of strangers, as it may stand on one line of a terminal, a report or a comment. */

/** C0 and C1 controls, marks and overrides of direction, separators of lines, tags, and halves of characters. */
const UNPRINTABLE =
  /(?!\t)[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;

function unit(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`;
}

/** What is not seen, or moves what is, spelled as JSON spells it. What is printable already stays. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    return Array.from({ length: character.length }, (_, index) => unit(character, index)).join('');
  });
}

// SPDX-License-Identifier: GPL-2.0-only
/** Names as people type them, in any case, made into those of the schema. What is unknown stays as it is. */
import type { Fields } from './contract.js';
import { COMMANDS, MAP_FLAGS, PROTECTIONS, VALUES } from './kernel-names.js';

/** The one of `choices` that `text` means in `field`; undefined for none. */
export function chosenName(field: string, text: string, choices: readonly string[]): string | undefined {
  const names = VALUES[field];
  const upper = text.toUpperCase();
  const other = names?.others[upper];
  if (other !== undefined && choices.includes(other)) return other;
  const bare =
    names !== undefined && upper.startsWith(names.prefix) ? upper.slice(names.prefix.length) : upper;
  return choices.find((choice) => choice.toUpperCase() === bare || choice.toUpperCase() === upper);
}

/** All that may be typed where one of `choices` is meant; kernel names where `text` begins like one. */
export function namesLike(field: string, text: string, choices: readonly string[]): string[] {
  const names = VALUES[field];
  if (names === undefined) return [...choices];
  const kernel = [
    ...choices.map((choice) => names.prefix + choice.toUpperCase()),
    ...Object.keys(names.others),
  ];
  return text.toUpperCase().startsWith(names.prefix.slice(0, 3)) ? [...choices, ...kernel] : [...choices];
}

/** The command that `word` means. */
export function commandNamed(word: string, commands: readonly string[]): string | undefined {
  const upper = word.toUpperCase();
  return COMMANDS[upper] ?? chosenName('cmd', word, commands);
}

/** "rw" for PROT_READ|PROT_WRITE; undefined for what is no protection. */
export function protectionNamed(text: string): string | undefined {
  const bits = text.split('|').map((bit) => bit.trim().toUpperCase());
  const names = bits.map((bit) => Object.keys(PROTECTIONS).find((name) => PROTECTIONS[name]!.includes(bit)));
  if (names.includes(undefined)) return undefined;
  const all = new Set(names.join('').replaceAll('none', ''));
  return `${all.has('r') ? 'r' : ''}${all.has('w') ? 'w' : ''}` || 'none';
}

/** Flags of mmap() as fields; undefined where one of them is unknown. */
export function mapFlags(text: string): Fields | undefined {
  const fields: Record<string, unknown> = {};
  for (const flag of text.split('|').map((one) => one.trim().toUpperCase())) {
    const meant = Object.hasOwn(MAP_FLAGS, flag) ? MAP_FLAGS[flag] : undefined;
    if (meant === undefined) return undefined;
    // Huge pages are anonymous, too.
    if (meant.backing === 'anon' && fields.backing === 'hugetlb') continue;
    Object.assign(fields, meant);
  }
  return fields;
}

// SPDX-License-Identifier: GPL-2.0-only
/** What a test shows, as short texts that can be compared: of a log, of a run, of what was measured. */

/** What both a logged and a simulated test have. */
export interface Showing {
  readonly failed: boolean;
  readonly assertions: readonly string[];
  /** Functions that oopsed or hung. */
  readonly fn: string | undefined;
  readonly death: string;
  readonly warnings: readonly string[];
}

/** Addresses differ from boot to boot: numbers of eleven digits or more, and long hexadecimal ones. */
export function withoutAddresses(text: string): string {
  return text.replace(/\b0x[0-9a-f]{9,}\b/gi, 'ADDRESS').replace(/\b\d{11,}\b/g, 'ADDRESS');
}

/** First what says most: the first assertion with its values, else the function that died, else how the test ended. */
export function symptomsOf({ failed, assertions, fn, death, warnings }: Showing): string[] {
  const texts = warnings.map((warning) => `warns: ${warning}`);
  if (!failed) return texts;
  const [assertion] = assertions;
  const hung = /timeout|^Hung/.test(death);
  if (fn !== undefined && !hung) texts.unshift(`oopses: ${fn}`);
  if (assertion !== undefined) texts.unshift(withoutAddresses(assertion));
  else if (hung) texts.unshift('times out');
  if (texts.length === 0) texts.push(death === '' ? 'fails' : death.replace(/ \d+$/, ''));
  return texts;
}

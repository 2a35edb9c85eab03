// SPDX-License-Identifier: GPL-2.0-only
/** What consoles, log daemons, CI systems and mail put around a line. */

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
const ESCAPE = String.raw`(?:${ESC}|\^\[|\u241b)`;
const SGR = new RegExp(
  String.raw`${ESCAPE}(?:\[[0-9;?]*[ -/]*[@-~]|\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)|[@-Z\\-_])`,
  'g',
);
/** Colours whose escape character got lost on the way. */
const LOST_ESCAPE = /\[(?:\d{1,3}(?:;\d{1,3})*m|(?<!\w\[)m(?=\s|$))/g;
/** What no terminal shows. */
const CONTROL = /[\p{Cc}\u200b\ufeff]/u;
const CONTROLS = new RegExp(CONTROL, 'gu');

const FROM = String.raw`(?: [\w.-]+ (?:kernel|[\w./()@-]+\[\d+\]|[\w./-]+):(?= ))?`;
const ISO = String.raw`\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?`;

/** Each matches at the beginning of a line; tried again and again until none does. */
const PREFIXES: readonly string[] = [
  // ISO 8601: GitHub, GitLab (whose stream follows), tuxrun, journalctl -o short-iso.
  `${ISO}(?: \\d\\d[OE]\\+?(?= |$))?${FROM}:?`,
  // A clock alone.
  String.raw`\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?(?=\s)`,
  // syslog's date, host and program.
  String.raw`(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?${FROM}`,
  // printk: level, time, caller.
  String.raw`<\d{1,2}>`,
  String.raw`\[\s*\d+\.\d+\](?:\s?\[\s*[TC]\d+(?:@\w+)?\])?`,
  String.raw`\[\s*[TC]\d+\](?=\s)`,
  String.raw`kernel:(?=\s)`,
  // The 0-day robot.
  String.raw`(?:kern|user|daemon|syslog)\s*:\w+\s*:`,
  // Mail, containers, what grep -n printed.
  String.raw`(?:>\s?)+(?!=)`,
  String.raw`[\w.-]{1,30}\s+\|(?=\s)`,
  String.raw`(?:[\w./+-]+\.(?:log|txt)(?:\.gz)?[:-])?\d{1,9}[:-](?=[\s#[\w])(?!\d\d:)`,
  String.raw`[\w./+-]+\.(?:log|txt)(?:\.gz)?[:-](?=[\s#[\w])`,
];
const PREFIX = new RegExp(String.raw`^\s*(?:${PREFIXES.join('|')})\s*`);

/** A line of LAVA's YAML, or of JSON: the message in it. */
const MESSAGE = /^-? ?\{.*"?\bmsg"?: ?(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')\}?,?$/;

function message(text: string): string | undefined {
  const match = MESSAGE.exec(text);
  if (match === null) return undefined;
  if (match[2] !== undefined) return match[2].replaceAll("''", "'");
  try {
    return String(JSON.parse(`"${match[1]}"`));
  } catch {
    return match[1];
  }
}

/** The line without colours and prefixes. */
export function unwrap(line: string): string {
  let text = line;
  if (text.includes(ESC) || text.includes('^[') || text.includes('\u241b')) text = text.replace(SGR, '');
  if (text.includes('[') && text.includes('m')) text = text.replace(LOST_ESCAPE, '');
  if (/[^ -~]/.test(text) && CONTROL.test(text)) text = text.replaceAll('\t', ' ').replace(CONTROLS, '');
  if (/^-? ?\{/.test(text)) text = message(text) ?? text;
  // Each round takes at least a character; more than a few rounds is no wrapping.
  for (let round = 0; round < 8; round++) {
    // Nested output, and results themselves: most lines.
    if (/^\s*(?:#|ok |not ok )/.test(text)) break;
    const match = PREFIX.exec(text);
    if (match === null) break;
    text = text.slice(match[0].length);
  }
  return text.trim();
}

/** Where the kernel's console broke into a line of a program; -1 where it did not. */
export function brokenAt(text: string): number {
  if (!text.includes('[')) return -1;
  const at = text.search(/\[\s*\d{1,7}\.\d{6}\]/);
  return at > 0 ? at : -1;
}

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
/** `gh run view --log`: the job and the step, before GitHub's time. */
const GH_LOG = /^[^\t]+\t[^\t]+\t\ufeff?(?=\d{4}-\d\d-\d\dT)/;
/** What no terminal shows. */
const CONTROL = /[\p{Cc}\u200b\ufeff]/u;
const CONTROLS = new RegExp(CONTROL, 'gu');

const FROM = String.raw`(?: [\w.-]+ (?:kernel|[\w./()@-]+\[\d+\]|[\w./-]+):(?= ))?`;
const ISO = String.raw`\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d| UTC| GMT)?\]?`;

/** Each matches at the beginning of a line; tried again and again until none does. */
const PREFIXES: readonly string[] = [
  // ISO 8601: GitHub, GitLab (whose stream follows), tuxrun, journalctl -o short-iso.
  `${ISO}(?: \\d\\d[OE]\\+?(?= |$))?${FROM}:?`,
  // A clock alone.
  String.raw`\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?(?=\s)`,
  // syslog's date, host and program.
  String.raw`(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?${FROM}`,
  // dmesg -T, whose clock is the machine's own.
  String.raw`\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d \d{4}\]`,
  // What systemd hands to the kernel's log.
  String.raw`[\w./@-]+\[\d+\]:(?=\s)`,
  // Azure's and GitHub's own commands.
  String.raw`##\[\w+\]`,
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

/** A line of LAVA's YAML, of JSON, or a member of JSON: the text that a program printed, in quotes or as bytes. */
const MESSAGE =
  /[{"\s,](?:msg|MESSAGE|message|log|log_excerpt|output)"?: ?(?:"((?:[^"\\]|\\.)*)"?|'((?:[^']|'')*)'|\[([\d, ]+)\])/;
const MAY_HAVE_MESSAGE = /^\s*-? ?[{"]/;

/** May be of many lines. */
function message(text: string): string | undefined {
  const [, quoted, single, bytes] = MESSAGE.exec(text) ?? [];
  if (single !== undefined) return single.replaceAll("''", "'");
  if (bytes !== undefined) return String.fromCharCode(...bytes.split(',').map(Number));
  if (quoted === undefined) return undefined;
  try {
    return String(JSON.parse(`"${quoted}"`));
  } catch {
    // YAML's escapes are more, and the end may be cut.
    return quoted.replaceAll('\\n', '\n');
  }
}

/** What pages of logs put around a line and its parts. */
const TAG = /<\/?(?:a|b|br|code|div|font|li|p|pre|span|td|tr|tt)(?: [^<>]*)?\/?>/gi;
const ENTITY = /&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#x[0-9a-f]{1,4});/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

function entity(text: string): string {
  const name = text.slice(1, -1).toLowerCase();
  if (!name.startsWith('#')) return ENTITIES[name]!;
  return String.fromCharCode(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
}

function withoutHtml(text: string): string {
  const bare = text.includes('<') ? text.replace(TAG, '') : text;
  return bare.includes('&') ? bare.replace(ENTITY, entity) : bare;
}

/** What the kernel's console puts before a line, and nothing else that is of a wrapping in it: a log's most frequent. */
const STAMPED = /^\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ((?:#|ok |not ok )[ #\w.():=+*'-]*)$/;

/** The line without colours and prefixes; of several lines where it was JSON that held those. */
export function unwrap(line: string): string {
  const stamped = STAMPED.exec(line);
  if (stamped !== null) return stamped[1]!.trimEnd();
  let text = line;
  if (text.includes(ESC) || text.includes('^[') || text.includes('\u241b')) text = text.replace(SGR, '');
  if (text.includes('[') && text.includes('m')) text = text.replace(LOST_ESCAPE, '');
  if (text.includes('\t')) text = text.replace(GH_LOG, '');
  if (/[^ -~]/.test(text) && CONTROL.test(text)) text = text.replaceAll('\t', ' ').replace(CONTROLS, '');
  if (MAY_HAVE_MESSAGE.test(text)) {
    const inner = message(text);
    if (inner !== undefined) return inner.split('\n').map(unwrap).join('\n').trim();
  }
  if (text.includes('<') || text.includes('&')) text = withoutHtml(text);
  // Each round takes at least a character; more than a few rounds is no wrapping.
  for (let round = 0; round < 8; round++) {
    // Nested output, and results themselves: most lines.
    if (/^\s*(?:#(?!#\[)|ok |not ok )/.test(text)) break;
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

// SPDX-License-Identifier: GPL-2.0-only
/** One line of KTAP, TAP, or of the scripts and CI systems around it. Nesting ("# # ") is taken off, at any depth. */

export interface ResultLine {
  readonly kind: 'result';
  readonly ok: boolean;
  readonly number: number | undefined;
  readonly name: string;
  /** "SKIP", "TODO", "TIMEOUT", "exit=1" ... */
  readonly directive: string;
  readonly reason: string;
}

export type TapLine =
  | ResultLine
  | { readonly kind: 'version' }
  | { readonly kind: 'plan'; readonly tests: number }
  | { readonly kind: 'starting'; readonly tests: number; readonly cases: number }
  | { readonly kind: 'run'; readonly name: string }
  | { readonly kind: 'verdict'; readonly ok: boolean; readonly name: string }
  | { readonly kind: 'skip'; readonly reason: string }
  | {
      readonly kind: 'assertion';
      readonly file: string;
      readonly line: number;
      readonly test: string;
      readonly text: string;
      /** The rest of the text is missing. */
      readonly cut?: boolean;
    }
  | { readonly kind: 'more'; readonly count: number }
  | { readonly kind: 'death'; readonly test: string; readonly text: string }
  | { readonly kind: 'no-device'; readonly path: string }
  | { readonly kind: 'passed'; readonly passed: number; readonly run: number }
  | { readonly kind: 'totals'; readonly pass: number; readonly fail: number; readonly skip: number }
  | { readonly kind: 'script'; readonly name: string }
  | { readonly kind: 'listing'; readonly what: 'listed its tests' | 'printed its help' }
  | { readonly kind: 'box'; readonly verdict: 'PASS' | 'FAIL' | 'SKIP' }
  | { readonly kind: 'summary'; readonly pass: number; readonly skip: number; readonly fail: number }
  | { readonly kind: 'signal'; readonly id: string; readonly result: string }
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'bail'; readonly reason: string };

const RESULT = /^(not ok|ok)(?: (\d+))?(?: -)?(?: (.*))?$/;
const DIRECTIVE = /^(.*?)(?:^| )#\s*(SKIP|TODO|XFAIL|XPASS|TIMEOUT|ERROR|exit=\d+)\b:?\s*(.*)$/i;
const ASSERTION = /^((?:[\w./-]*\/)?hmm-tests(?:\.c|\/\w+\.[jt]s)):(\d+):(\w+):(.*)$/;
const MORE = /(?:^|:)(\d+) more like this followed$/;
const DEATH =
  /^(\w+): (Test terminated .*|Test (?:failed|exited).*|Kernel oops in .*|Hung in .*|Invariant violated: .*)$/;

function result(core: string): ResultLine | undefined {
  const match = RESULT.exec(core);
  if (match === null) return undefined;
  const [, word, number, rest = ''] = match;
  if (number === undefined && !/^(?:selftests|hmm2?\.|[\w./-]*hmm)/.test(rest)) return undefined;
  const [, name = rest, directive = '', reason = ''] = DIRECTIVE.exec(rest) ?? [];
  return {
    kind: 'result',
    ok: word === 'ok',
    number: number === undefined ? undefined : Number(number),
    name: name.replace(/ # .*$/, '').trim(),
    directive,
    reason: reason.trim(),
  };
}

/** Rows of -l that name a fixture, and the first line of -h. */
const LISTED = /^hmm2? {10,}(?:hmm2?_device_\w+ {2,})?\w+$/;
const HELP = /^Usage: \S*hmm-tests \[-h/;

/** What our own suite adds: where C has the assertion. */
const IN_C = / \((hmm-tests\.c):(\d+)\)$/;

function assertion(core: string): TapLine | undefined {
  const match = ASSERTION.exec(core);
  if (match === null) return undefined;
  const [file, test, text] = [match[1]!, match[3]!, match[4]!.trim()];
  if (file.endsWith('.c')) return { kind: 'assertion', file, line: Number(match[2]), test, text };
  const more = MORE.exec(text);
  if (more !== null) return { kind: 'more', count: Number(more[1]) };
  const inC = IN_C.exec(text);
  if (inC === null) return { kind: 'assertion', file, line: Number(match[2]), test, text };
  return { kind: 'assertion', file: inC[1]!, line: Number(inC[2]), test, text: text.slice(0, inC.index) };
}

function harness(core: string): TapLine | undefined {
  let m = /^RUN\s+(\S+)/.exec(core);
  if (m !== null) return { kind: 'run', name: m[1]! };
  m = /^(OK|FAIL)\s+(\w+\.\S+)$/.exec(core);
  if (m !== null) return { kind: 'verdict', ok: m[1] === 'OK', name: m[2]! };
  m = /^SKIP\s+(.+)$/.exec(core);
  if (m !== null) return { kind: 'skip', reason: m[1]! };
  const failed = assertion(core);
  if (failed !== undefined) return failed;
  m = DEATH.exec(core);
  if (m !== null) return { kind: 'death', test: m[1]!, text: m[2]! };
  m = /^could not open hmm \w+ driver \((\S+)\)/.exec(core);
  if (m !== null) return { kind: 'no-device', path: m[1]! };
  return undefined;
}

function counts(core: string): TapLine | undefined {
  let m = /^1\.\.(\d+)\b/.exec(core);
  if (m !== null) return { kind: 'plan', tests: Number(m[1]) };
  m = /^Starting (\d+) tests? from (\d+) test cases?/.exec(core);
  if (m !== null) return { kind: 'starting', tests: Number(m[1]), cases: Number(m[2]) };
  m = /^(?:PASSED|FAILED): (\d+) \/ (\d+) tests passed/.exec(core);
  if (m !== null) return { kind: 'passed', passed: Number(m[1]), run: Number(m[2]) };
  m = /^Totals: pass:(\d+) fail:(\d+) xfail:(\d+) xpass:(\d+) skip:(\d+) error:(\d+)/.exec(core);
  if (m !== null) {
    const [pass, fail, xfail, xpass, skip, error] = m.slice(1).map(Number);
    return { kind: 'totals', pass: pass! + xfail!, fail: fail! + xpass! + error!, skip: skip! };
  }
  m = /^SUMMARY: PASS=(\d+) SKIP=(\d+) FAIL=(\d+)/.exec(core);
  if (m !== null) return { kind: 'summary', pass: Number(m[1]), skip: Number(m[2]), fail: Number(m[3]) };
  return undefined;
}

function around(core: string): TapLine | undefined {
  let m = /^\[(PASS|FAIL|SKIP)\]$/.exec(core);
  if (m !== null) return { kind: 'box', verdict: m[1] as 'PASS' };
  m = /^<?LAVA_SIGNAL_TESTCASE TEST_CASE_ID=(\S+) RESULT=(\w+)/.exec(core);
  if (m !== null) return { kind: 'signal', id: m[1]!, result: m[2]!.toLowerCase() };
  if (LISTED.test(core)) return { kind: 'listing', what: 'listed its tests' };
  if (HELP.test(core)) return { kind: 'listing', what: 'printed its help' };
  m = /^running (\S.*)$/.exec(core);
  if (m !== null) return { kind: 'script', name: m[1]! };
  m =
    /^(?:@@EXIT |(?:##\[error\])?Process completed with exit code |exit(?:ed)?(?: (?:status|code))?[ :=]+)(\d+)/i.exec(
      core,
    );
  if (m !== null) return { kind: 'exit', status: Number(m[1]) };
  m = /^Bail out!\s*(.*)$/.exec(core);
  if (m !== null) return { kind: 'bail', reason: m[1]! };
  m = MORE.exec(core);
  if (m !== null) return { kind: 'more', count: Number(m[1]) };
  return /^K?TAP version \d+$/.test(core) ? { kind: 'version' } : undefined;
}

/** What a line says, or undefined where it says nothing of a test. `text` is unwrapped. */
export function tapLine(text: string): TapLine | undefined {
  const core = text.replace(/^[#\s]+/, '');
  // Logs that are large are large because of these.
  const first = core.startsWith('hmm-tests')
    ? assertion(core)
    : /^(?:RUN|OK|FAIL) /.test(core)
      ? harness(core)
      : undefined;
  return first ?? result(core) ?? around(core) ?? harness(core) ?? counts(core);
}

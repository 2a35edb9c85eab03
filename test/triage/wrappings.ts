// SPDX-License-Identifier: GPL-2.0-only
/** What CI systems make of a log: each a function from its lines to text. */

type Wrap = (lines: readonly string[]) => string;

const esc = String.fromCharCode(27);
const two = (n: number): string => String(n % 60).padStart(2, '0');
const stamp = (i: number): string =>
  `[${String(12 + i / 10)
    .slice(0, 6)
    .padStart(5)}.${String(i).padStart(6, '0').slice(-6)}]`;
const printk = (i: number): string =>
  `[${String(12 + i).padStart(5)}.${String((i * 7919) % 1_000_000).padStart(6, '0')}]`;
const iso = (i: number): string => `2026-05-01T12:${two(Math.floor(i / 60))}:${two(i)}`;
const all = (line: (text: string, i: number) => string): Wrap => {
  return (lines) => `${lines.map(line).join('\n')}\n`;
};

/** The kernel's lines have stamps of their own, tests' lines have none. */
const isKernel = (text: string): boolean =>
  /^(?:WARNING|BUG|RIP|CPU:|Call Trace|---\[| <| {1,2}\w+\+0x|Linux version)/.test(text);

/** As run_vmtests.sh prints it: nested, and "ok" whatever happened. */
const vmtests = (lines: readonly string[]): string[] => [
  'TAP version 13',
  '# -----------------------',
  '# running bash ./test_hmm.sh smoke',
  '# -----------------------',
  '# Running smoke test. Note, this test provides basic coverage.',
  ...lines.map((text) => `# ${text}`),
  '# [PASS]',
  'ok 1 bash ./test_hmm.sh smoke',
  '# SUMMARY: PASS=1 SKIP=0 FAIL=0',
  '1..1',
];

/** kselftest's runner around that. */
const runner = (lines: readonly string[]): string[] => [
  'TAP version 13',
  '1..1',
  '# timeout set to 180',
  '# selftests: mm: run_vmtests.sh',
  ...vmtests(lines).map((text) => `# ${text}`),
  'ok 1 selftests: mm: run_vmtests.sh',
];

/** Quoted-printable, lines of at most 76 characters. */
function quotedPrintable(line: string): string {
  const text = line.replace(
    /[=\t]/g,
    (c) => `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const parts: string[] = [];
  for (let rest = text; ; ) {
    if (rest.length <= 76) return [...parts, rest].join('=\n');
    let cut = 75;
    // No break inside of "=3D".
    if (rest[cut - 1] === '=') cut -= 1;
    else if (rest[cut - 2] === '=') cut -= 2;
    parts.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
}

export const wrappings: Readonly<Record<string, Wrap>> = {
  plain: all((text) => text),
  'run_vmtests.sh': (lines) => `${vmtests(lines).join('\n')}\n`,
  'kselftest runner': (lines) => `${runner(lines).join('\n')}\n`,
  'a serial console': all((text, i) =>
    isKernel(text) ? `${printk(i)}[  T${100 + (i % 50)}] ${text}` : `${text}\r`,
  ),
  'printk for all': (lines) =>
    `${runner(lines)
      .map((text, i) => `${printk(i)} ${text}`)
      .join('\r\n')}\r\n`,
  GitHub: (lines) =>
    `${runner(lines)
      .map((text, i) => `${iso(i)}.1234567Z ${esc}[36;1m${text}${esc}[0m`)
      .join('\n')}\n`,
  GitLab: all((text, i) => `${iso(i)}.123456Z 01O ${text}`),
  tuxrun: (lines) =>
    `${runner(lines)
      .map((text, i) => `${iso(i)} ${isKernel(text) ? `<4>${stamp(i)} ` : ''}${text}`)
      .join('\n')}\n`,
  'LAVA with signals': (lines) =>
    `${lines
      .flatMap((text, i) => {
        const [, bad, name] = /^(not )?ok \d+ (\S+)/.exec(text) ?? [];
        const plain = `${iso(i)}.123456 ${text}`;
        if (name === undefined) return [plain];
        const id = `mm_hmm-tests_${name.replaceAll('.', '_')}`;
        const result = text.includes('# SKIP') ? 'skip' : bad === undefined ? 'pass' : 'fail';
        return [plain, `${iso(i)}.123456 <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=${id} RESULT=${result}>`];
      })
      .join('\n')}\n`,
  'LAVA YAML': all((text, i) => `- {"dt": "${iso(i)}.12", "lvl": "target", "msg": ${JSON.stringify(text)}}`),
  journalctl: all(
    (text, i) =>
      `May 01 12:${two(Math.floor(i / 60))}:${two(i)} host ${isKernel(text) ? 'kernel' : 'test_hmm.sh[77]'}: ${text}`,
  ),
  'quoted-printable mail': all(quotedPrintable),
  'a quoted reply': all((text) => `> ${text}`),
  'grep -n': all((text, i) => `${i + 1}:${text}`),
};

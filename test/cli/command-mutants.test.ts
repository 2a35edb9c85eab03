// SPDX-License-Identifier: GPL-2.0-only
/** Command lines that were damaged at random are told in few lines, or run, and print nothing that moves a terminal. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { execute } from './hmm-sim.js';

const RUNS = Number(process.env.HMM_SIM_COMMAND_MUTANTS ?? 400);
const SEED = Number(process.env.HMM_SIM_MUTANT_SEED ?? 14);

/** Those that take no time where they are right. `@` is a directory of the test's own. */
const commands: readonly (readonly string[])[] = [
  ['run', '@/a.yaml', '--seed', '3', '--jobs', '1'],
  ['run', '--list', '@', '--name', 'a*'],
  ['run', '@/a.yaml', '--junit', '@/x.xml', '--timeout', '60'],
  ['run', '@/a.yaml', '--trace', '@/x.txt', '--kernel', '6.1'],
  ['run', '@/b.yaml', '--check', '--against', '6.12'],
  ['run', '@/b.yaml', '--locks', '@/x.locks', '--trace-functions', '@/x.functions'],
  ['explain', '@/b.yaml', '--json', '--kernel', '7.3'],
  ['differences', '6.12', '7.3'],
  ['explain', '@/a.yaml', '--step', '0', '--page', 'r0[0]'],
  ['show', '@/a.yaml', '--html', '@/x.html'],
  ['export', '@/a.yaml', '--c', '@/x.c', '--expect'],
  ['shrink', '@/a.yaml', '--while', 'step 1 ret == 0', '--out', '@/least.yaml'],
  ['fuzz', '--count', '2', '--shard', '1/4', '--seed', '7', '--out', '@/found'],
  ['fuzz', 'merge', '@/found', '--out', '@/all'],
  ['bugs', 'chunk', 'inverted'],
  ['modinfo', '--kernel', '6.12'],
  ['smoke', '-l', '--kernel', '6.1'],
  ['smoke', '--memory', '5G', '--hugepages', '4', '-r', 'no.such', '0x100000000', '0x140000000'],
  ['triage', '@/log.txt', '--json'],
  ['trace', 'compare', '@/log.txt', '@/a.yaml'],
  ['schema'],
  ['help', 'run'],
  ['completion', 'bash'],
];

const DOCUMENT =
  'name: a\nkernel: "6.12"\nsteps:\n  - mmap r0 4\n  - { op: close, fd: d0, expect: { ret: 0 } }\n';

const LATEST =
  'name: b\nkernel: "7.3"\nsteps:\n  - open d0 0\n  - mmap r0 4\n  - store r0 7\n  - migrate_to_dev d0 r0\n  - madvise r0[1] guard_install\n  - read_unlocked d0 r0\n';

// biome-ignore format: a table
const tokens = [
  '', '-', '--', '-1', '0', '18446744073709551616', '9007199254740992', '0x', '1e9', '1/0', 'NaN', '/', '/dev/null', '/dev/full',
  '/proc/self/mem', '@', '@/none', '@/none/x', '@/loop', '@/a.yaml', '@/b.yaml', '7.3', 'latest', '@/bad.yaml', '--kernel', '--seed', '--jobs', '257', '--name',
  '--json', '--update', '--max-size', '1T', '--bug', '--fix', '--help', '--version', '--no-check', '\u001b[31m', '\u009b2J', '\u202e',
  '\u2028', 'a\nb', '\ud800', '*'.repeat(9), 'x'.repeat(5000), '%s', "'", '__proto__', 'r0[-1]', 'p9:r9[9]', 'step 9 ret == 9',
];

const edit = fc.record({
  kind: fc.constantFrom('insert', 'replace', 'delete', 'double', 'swap', 'append'),
  at: fc.nat({ max: 9 }),
  token: fc.oneof(fc.constantFrom(...tokens), fc.string({ unit: 'binary', maxLength: 6 })),
});

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function damage(args: readonly string[], { kind, at, token }: Edit): string[] {
  const index = at % (args.length + 1);
  const [head, word = '', tail] = [args.slice(0, index), args[index], args.slice(index + 1)];
  const middle: Record<Edit['kind'], string[]> = {
    insert: [token, word],
    replace: [token],
    delete: [],
    double: [word, word],
    swap: [tail.shift() ?? '', word],
    append: [word + token],
  };
  return [...head, ...middle[kind], ...tail];
}

const mutant = fc.record({
  command: fc.constantFrom(...commands),
  edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
});

/** What nobody can pass, what takes long because it is asked to, and what waits for standard input. */
function isMeant(args: readonly string[]): boolean {
  if (args.some((arg) => arg.includes('\0') || arg === '--time' || arg === '--run' || arg === '/'))
    return false;
  const [command, ...rest] = args;
  if (command === undefined || command === 'shell' || command === 'triage' || command === '--')
    return rest.length > 1;
  if (command === 'fuzz') return args.includes('--count') && args.includes('2');
  if (command === 'smoke') return args.includes('-l') || args.includes('no.such');
  return !args.includes('-');
}

/** C0 but for tabs and ends of lines, C1, marks and overrides of direction, and separators of lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

interface Told {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Why that is no answer to a command line. */
function complaintOf({ status, out, err }: Told): string | undefined {
  if (![0, 1, 4, 64, 74].includes(status)) return `status ${status}`;
  if (err.split('\n').length > 13) return 'more than twelve lines on stderr';
  return UNPRINTED.test(out + err) ? 'a byte that no terminal should get' : undefined;
}

t.test('command lines', { timeout: 3_600_000 }, async (t) => {
  const directory = t.testdir({
    'a.yaml': DOCUMENT,
    'b.yaml': LATEST,
    'bad.yaml': 'name: [\u001b\n',
    'log.txt': 'ok 1 hmm.hmm_device_private.open_close\n',
  });
  symlinkSync('loop', join(directory, 'loop'));
  const lines = fc
    .sample(mutant, { numRuns: RUNS, seed: SEED })
    .map(({ command, edits }) => edits.reduce(damage, [...command]))
    .filter(isMeant)
    .map((args) => JSON.stringify(args.map((arg) => arg.replaceAll('@', directory))));
  writeFileSync(join(directory, 'lines'), lines.join('\n'));
  const script = fileURLToPath(new URL('command_lines.mjs', import.meta.url));
  // Through a pipe, which the script can look into.
  const shell = `"${process.execPath}" "${script}" < lines | cat > told`;
  const { stderr } = execute('sh', ['-c', shell], { cwd: directory });
  t.equal(stderr, '');
  const stdout = readFileSync(join(directory, 'told'), 'utf8');
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
  t.equal(told.length, lines.length, `${lines[told.length]} ended it`);
  const wrong = told.flatMap((one, n) => {
    const complaint = complaintOf(one);
    return complaint === undefined ? [] : [`${complaint}: ${lines[n]}: ${one.err.slice(0, 500)}`];
  });
  t.strictSame(wrong, []);
  t.strictSame(
    [...new Set(told.map(({ status }) => status))].filter((status) => status === 0 || status === 64).sort(),
    [0, 64],
  );
});

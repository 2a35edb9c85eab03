// SPDX-License-Identifier: GPL-2.0-only
/** Completion and the man page say what the commands take. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { noFish, noZsh } from '../host.js';
import { execute, hmmSim, root } from './hmm-sim.js';

function completions(t: Test, ...words: readonly string[]): string[] {
  const file = join(t.testdir({ 'hmm-sim.bash': hmmSim('completion', 'bash').stdout }), 'hmm-sim.bash');
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hmm_sim; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = execute('bash', ['-c', script, 'bash', file, 'hmm-sim', ...words]);
  t.equal(stderr, '');
  return stdout.trim().split('\n');
}

t.test('bash completes commands, options and values', async (t) => {
  t.strictSame(completions(t, 'sh'), ['show', 'shell', 'shrink']);
  t.strictSame(completions(t, 'run', 'a.yaml', '--ja'), ['']);
  t.strictSame(completions(t, 'run', 'a.yaml', '--j'), ['--json', '--junit', '--jobs']);
  t.strictSame(completions(t, 'smoke', '--kernel', '6'), ['6.1', '6.12']);
  t.strictSame(completions(t, 'run', '--kernel', 'l'), ['latest']);
  t.strictSame(completions(t, 'run', '--bug', 'dirty'), ['dirty-bit-lost']);
  t.strictSame(completions(t, 'smoke', '--thp', ''), ['always', 'madvise', 'never']);
  t.strictSame(completions(t, 'run', '--junit', 'x'), [''], 'a file: the shell knows those');
  t.strictSame(completions(t, 'fuzz', ''), ['merge']);
  t.strictSame(completions(t, 'help', 'sh'), ['show', 'shell', 'shrink']);
  t.strictSame(completions(t, 'trace', 'compare', '--j'), ['--json']);
});

t.test('zsh and fish', async (t) => {
  const zsh = hmmSim('completion', 'zsh').stdout;
  t.match(zsh, /^#compdef hmm-sim\n/);
  t.match(
    zsh,
    /\n {6}'--kernel\[generation [^\]]*\]:value:\(rfc-cdm hmm-v25 v5-generic v4-coherent 6\.1 6\.12 7\.3 latest\)' \\\n/,
  );
  const fish = hmmSim('completion', 'fish').stdout;
  t.match(fish, /^complete -c hmm-sim -n __fish_use_subcommand -f -a smoke -d 'run hmm-tests [^']*'\n/);
  t.match(
    fish,
    "complete -c hmm-sim -n '__fish_seen_subcommand_from smoke' -l thp -x -a 'always madvise never' -d 'transparent huge pages'\n",
  );
});

/** What is completed, and what a shell has to show for it. */
const cases: readonly (readonly [line: string, shown: readonly string[]])[] = [
  ['hmm-sim sh', ['shell', 'show', 'shrink']],
  ['hmm-sim run a.yaml --j', ['--jobs', '--json', '--junit']],
  ['hmm-sim smoke --thp ', ['always', 'madvise', 'never']],
  ['hmm-sim completion ', ['bash', 'fish', 'zsh']],
  ['hmm-sim help sh', ['shell', 'show', 'shrink']],
  ['hmm-sim trace compare --js', ['--json']],
  ['hmm-sim fuzz ', ['merge']],
  ['hmm-sim run a', ['a-scenario.yaml']],
];

t.test('fish, for real', { skip: noFish() }, async (t) => {
  const cwd = t.testdir({ 'a-scenario.yaml': '', 'c.fish': hmmSim('completion', 'fish').stdout });
  for (const [line, shown] of cases) {
    const script = `source c.fish; complete -C '${line}'`;
    const { stdout } = execute('fish', ['--no-config', '-c', script], { cwd, env: { HOME: cwd } });
    const words = stdout.split('\n').map((one) => one.split('\t')[0]!);
    t.strictSame(words.filter((word) => shown.includes(word)).sort(), [...shown].sort(), line);
    if (line.endsWith('sh')) t.equal(words.filter((word) => word !== '').length, shown.length, line);
  }
});

/** A zsh on a terminal of its own, in which Tab prints what the completion would add: compadd is told of it all. */
const INNER = String.raw`
PROMPT=
autoload -Uz compinit
compinit -u -D
source ./c.zsh
compadd() {
  if [[ ${'$'}{@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
  local -a found
  builtin compadd -A found "$@"
  [[ -n $found ]] && print -rl -- "<"$^found">"
}
told() { print -r -- "<"END">"; zle .kill-whole-line }
tab() { compstate[insert]=; comppostfuncs=(told); _main_complete }
zle -C tab complete-word tab
bindkey '^I' tab
print -r -- "<"READY">"
`;
const OUTER = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'source ./inner.zsh'
zpty -r z shown '*<READY>*'
zpty -w -n z "$1"$'\\t'
zpty -r z shown '*<END>*'
print -r -- "$shown"
zpty -d z
`;

t.test('zsh, for real', { skip: noZsh() }, async (t) => {
  const cwd = t.testdir({
    'a-scenario.yaml': '',
    'c.zsh': hmmSim('completion', 'zsh').stdout,
    'inner.zsh': INNER,
    'outer.zsh': OUTER,
  });
  for (const [line, shown] of cases) {
    const env = { HOME: cwd, ZDOTDIR: cwd, TERM: 'dumb' };
    const { stdout } = execute('zsh', ['-f', 'outer.zsh', line], { cwd, env });
    const words = [...stdout.matchAll(/<([^<>\r\n]+)>/g)].map(([, word]) => word!);
    t.strictSame(words.filter((word) => shown.includes(word)).sort(), [...shown].sort(), line);
  }
});

t.test('another shell', async (t) => {
  t.same(hmmSim('completion', 'tcsh'), {
    status: 64,
    stdout: '',
    stderr:
      "hmm-sim: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish. (see hmm-sim completion --help)\n",
  });
});

t.test('man/hmm-sim.1 is current', async (t) => {
  const ran = execute(process.execPath, ['scripts/man-page.js', '--check'], { cwd: root });
  t.same(ran, { status: 0, stdout: '', stderr: '' });
});

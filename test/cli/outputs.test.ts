// SPDX-License-Identifier: GPL-2.0-only
/** No command writes what it reads, by whatever name, and no two of its files are one. */
import { linkSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, hmmSim } from './hmm-sim.js';

const DOCUMENT = `name: a
kernel: "6.12"
steps:
  - { op: close, fd: d0, expect: { ret: 0 } }
`;

t.test('an output that names an input is refused', async (t) => {
  const d = t.testdir({
    'a.yaml': DOCUMENT,
    'trace.jsonl': '{"name":"t","steps":[]}\n',
    'own.mjs': 'export default 1;',
  });
  const at = (name: string): string => join(d, name);
  symlinkSync('a.yaml', at('soft.yaml'));
  linkSync(at('a.yaml'), at('hard.yaml'));
  const [file, soft, hard] = [at('a.yaml'), at('soft.yaml'), at('hard.yaml')];
  const before = readFileSync(file, 'utf8');
  const refused: [args: string[], message: string][] = [
    [['run', '--junit', file, file], `--junit: ${file} is read, too`],
    [['run', '--junit', soft, file], `--junit: ${soft} is ${file}, which is read`],
    [['run', '--junit', file, soft], `--junit: ${file} is ${soft}, which is read`],
    [['run', '--trace', at('trace.jsonl'), d], `--trace: ${at('trace.jsonl')} is read, too`],
    [['export', '--c', hard, file], `--c: ${hard} is ${file}, which is read`],
    [['show', '--html', file, file], `--html: ${file} is read, too`],
    [
      ['explain', '--trace', at('trace.jsonl'), at('trace.jsonl')],
      `--trace: ${at('trace.jsonl')} is read, too`,
    ],
    [['shrink', '--out', soft, file], `--out: ${soft} is ${file}, which is read`],
    [['smoke', '--junit', at('x'), '--json', at('x')], `--json: ${at('x')} is the file of --junit, too`],
    [['fuzz', 'merge', d, '--out', d], `--out: ${d} is read, too`],
  ];
  for (const [args, message] of refused) {
    t.strictSame(
      hmmSim(...args),
      { status: 64, stdout: '', stderr: `hmm-sim: ${message}: name another file\n` },
      args.join(' '),
    );
  }
  for (const [option, ...args] of [
    ['--html', 'show', file],
    ['--json', 'smoke'],
    ['--record', 'smoke'],
    ['--trace-functions', 'explain', file],
    ['--out', 'shrink', file],
  ] as const)
    t.strictSame(
      hmmSim(...args, option, '-'),
      {
        status: 64,
        stdout: '',
        stderr: `hmm-sim: ${option}: expected a file, got "-" (./- is a file of that name)\n`,
      },
      option,
    );
  const shell = `exec "${process.execPath}" "${bin}" run --junit "${file}" - < "${file}"`;
  t.match(execute('sh', ['-c', shell]), {
    status: 64,
    stderr: `hmm-sim: --junit: ${file} is standard input, which is read: name another file\n`,
  });
  t.equal(readFileSync(file, 'utf8'), before);
});

// SPDX-License-Identifier: GPL-2.0-only
/** What a stranger's document may ask for: each limit from both sides, with its place. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { scenarioJsonLine } from '../../src/report/scenario-json.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { foldedAnswer } from '../../src/scenario/folded.js';
import { LIMITS, type Limits, limitsFor } from '../../src/scenario/limits.js';
import { load } from '../../src/scenario/load.js';
import type { Syntax } from '../../src/scenario/syntax.js';

const small: Limits = { bytes: 4096, steps: 20, values: 300, pages: 1000 };

function told(text: string, syntax: Syntax, limits = small): string[] {
  return load(text, 'f', syntax, limits).mistakes.map(({ where, message }) => `${where}: ${message}`);
}

const wrongInput = (name: string): string =>
  readFileSync(new URL(`../fixtures/wrong-input/${name}`, import.meta.url), 'utf8');

t.test('bytes of a document, and of a line', async (t) => {
  const padded = (length: number) => '{"name":"a","steps":[]}'.padEnd(length);
  t.strictSame(told(padded(4096), 'json'), []);
  t.strictSame(told(padded(4097), 'json'), ['f:1:1: expected at most 4K bytes (--max-size raises that)']);
  t.strictSame(told(`name: a\nsteps: []\n#${'x'.repeat(4096)}`, 'yaml'), [
    'f:1:1: expected at most 4K bytes (--max-size raises that)',
  ]);
  t.strictSame(told(`${padded(4096)}\n${padded(4096)}\n${padded(4097)}\n`, 'jsonl'), [
    'f:3:1: expected at most 4K bytes (--max-size raises that)',
  ]);
});

t.test('steps, at the one too many', async (t) => {
  const yaml = (steps: number) => `name: a\nsteps:\n${'- exit\n'.repeat(steps)}`;
  t.strictSame(told(yaml(20), 'yaml'), []);
  t.strictSame(told(yaml(21), 'yaml'), [
    'f:23:3: steps[20]: expected at most 20 steps (--max-size raises that)',
  ]);
  const json = (steps: number) => `{"name":"a","steps":[${Array(steps).fill('{"op":"exit"}').join()}]}`;
  t.strictSame(told(json(20), 'json'), []);
  t.strictSame(told(json(21), 'jsonl'), [
    'f:1: steps[20]: expected at most 20 steps (--max-size raises that)',
  ]);
});

t.test('words and marks of YAML, before it is parsed', async (t) => {
  t.strictSame(told(`name: a\nsteps: [${'1,'.repeat(200)}]\n`, 'yaml'), [
    'f:2:200: expected at most 300 words and marks (--max-size raises that)',
  ]);
});

t.test('values, those of aliases among them', async (t) => {
  const bomb = ['a: &a [1,1,1,1,1,1,1,1]', 'b: &b [*a,*a,*a,*a,*a]', 'c: [*b,*b,*b,*b,*b,*b]', ''].join('\n');
  t.strictSame(told(bomb, 'yaml'), ['f:3:20: c[5]: expected at most 300 values (--max-size raises that)']);
  const laughs = ['a: &a [1,1]', ...'bcdefghijk'].map((key, i) =>
    i === 0 ? key : `${key}: &${key} [*${'abcdefghij'[i - 1]},*${'abcdefghij'[i - 1]}]`,
  );
  t.strictSame(told(laughs.join('\n'), 'yaml'), [
    'f:1:1: expected YAML: Excessive alias count indicates a resource exhaustion attack',
  ]);
  t.match(told(`{"name":"a","steps":[],"x":[${'1,'.repeat(500)}1]}`, 'jsonl'), [
    /^f:1: x\[\d+\]: expected at most 300 values \(--max-size raises that\)$/,
  ]);
});

t.test('an anchor that refers to itself', async (t) => {
  t.strictSame(told('name: a\nsteps: &s\n  - *s\n', 'yaml'), [
    'f:3:5: steps[0]: expected at most 64 lists and mappings in one another',
  ]);
  t.strictSame(told('name: &n { x: *n }\nsteps: []\n', 'yaml'), [
    'f:1:15: name.x: expected at most 64 lists and mappings in one another',
  ]);
});

t.test('depth', async (t) => {
  const TOO_DEEP = 'expected at most 64 lists and mappings in one another';
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  for (const syntax of ['json', 'jsonl'] as const) {
    t.strictSame(told(`{"name":"[[[","steps":${deep(100_000)}}`, syntax, LIMITS), [`f:1:86: ${TOO_DEEP}`]);
  }
  t.strictSame(told(`name: a\nsteps: ${deep(100_000)}`, 'yaml', LIMITS), [`f:2:72: ${TOO_DEEP}`]);
  t.strictSame(told(`name: a\nsteps:\n${'- '.repeat(100_000)}`, 'yaml', LIMITS), [`f:3:129: ${TOO_DEEP}`]);
  const blocks = Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}a:\n`).join('');
  t.match(told(blocks, 'yaml', LIMITS), [new RegExp(`^f:\\d+:\\d+: .*${TOO_DEEP}$`)]);
});

t.test('pages that are answered for one by one', async (t) => {
  const loads = (...pages: number[]) =>
    JSON.stringify({ name: 'a', steps: pages.map((n) => ({ op: 'load', region: 'r0', page: 0, pages: n })) });
  t.strictSame(told(loads(500, 500), 'json'), []);
  const most = 'expected at most 1000 pages in all steps (--max-size raises that)';
  t.strictSame(told(loads(500, 501), 'jsonl'), [`f:1: steps[1].pages: ${most}`]);
  t.strictSame(told(wrongInput('explain-16M.json'), 'json', LIMITS), [
    'f:1:84: steps[0].pages: expected at most 1048576 pages in all steps (--max-size raises that)',
  ]);
  t.strictSame(told(wrongInput('big-load.json'), 'json', LIMITS), [
    'f:1:84: steps[0].pages: expected at most 1048576 pages in all steps (--max-size raises that)',
  ]);
});

t.test('garbage, and more mistakes than anybody reads', async (t) => {
  const garbage = Array.from({ length: 40 }, (_, i) => `${'}]'[i % 2]}: "${i}" x`).join('\n');
  t.equal(told(garbage, 'yaml').length, 1);
  const wrong = `name: a\nsteps: [${Array(15).fill('{ op: exit, x: 1 }').join()}]\n`;
  const mistakes = told(wrong, 'yaml');
  t.equal(mistakes.length, 11);
  t.equal(mistakes[10], 'f:2:21: and 5 more like these');
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}: 1\n`).join('');
  t.equal(told(`name: a\nsteps: []\n${keys}`, 'yaml', LIMITS).length, 11);
});

t.test('keys that repeat, and keys that are none', async (t) => {
  t.strictSame(told('name: a\nsteps: []\nname: b\n', 'yaml'), [
    'f:3:1: expected YAML: Map keys must be unique',
  ]);
  const many = Array.from({ length: 75_000 }, (_, i) => `k${i}: 1\n`).join('');
  t.equal(told(many, 'yaml', LIMITS).length, 11);
  t.match(told(wrongInput('collection-key.yaml'), 'yaml'), [/^f:1:\d+: \["\[ a, b \]"\]: unknown key/]);
});

t.test('larger documents have more of everything, smaller ones no less', async (t) => {
  t.strictSame(limitsFor(16 << 20), { bytes: 16 << 20, steps: 200_000, values: 3_000_000, pages: 2 << 20 });
  t.strictSame(limitsFor(1024), { ...LIMITS, bytes: 1024 });
});

t.test('answers of more than 1,024 pages are folded where they are printed', async (t) => {
  const ok = (length: number) => ({ pages: Array<string>(length).fill('ok') });
  t.strictSame(foldedAnswer(ok(1024)), ok(1024));
  t.strictSame(foldedAnswer({ ret: 0, ...ok(1025) }), { ret: 0, pages: ['ok x1025'] });
  const run = { results: [ok(2000)], dmesg: [], loadFailure: undefined };
  t.equal(
    scenarioJsonLine('a', { kernel: '6.12', run }, { dmesg: false, verdict: 'pass' }),
    '{"version":1,"name":"a","kernel":"6.12","results":[{"pages":["ok x2000"]}],"verdict":"pass"}',
  );
  const [loaded] = load(
    '{"name":"a","steps":[{"op":"load","region":"r0","page":0,"pages":2000,"expect":{"pages":["SEGV x2000"]}}]}',
    'f',
    'json',
  ).documents;
  t.strictSame(failureOf(loaded!, run)?.actual, { pages: ['ok x2000'] });
});

// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { load, loadPart } from '../../src/scenario/load.js';
import { partsOf, type Syntax, sniffSyntax, syntaxOf } from '../../src/scenario/syntax.js';

const mistakes = (text: string, syntax: Syntax): string[] =>
  load(text, 'f', syntax).mistakes.map(({ where, message }) => `${where}: ${message}`);

const good = '{"name":"a","steps":[]}';

t.test('JSON Lines: line and path; the other lines load', (t) => {
  const text = [
    good,
    '',
    '{"name":"b","steps":[{"op":"exit","expect":{"ret":1}}]}',
    '{"name":',
    'null',
    good,
    '',
  ].join('\n');
  const loaded = load(text, 'f', 'jsonl');
  t.strictSame(
    loaded.documents.map(({ line, document }) => [line, document.name]),
    [
      [1, 'a'],
      [6, 'a'],
    ],
  );
  t.strictSame(mistakes(text, 'jsonl'), [
    'f:3: steps[0].expect.ret: expected 0 or an errno name (EINVAL ...), got 1',
    'f:4:9: expected one JSON document a line: Unexpected end of JSON input',
    'f:5: document: expected a mapping, got null',
  ]);
  t.end();
});

t.test('JSON: line and column', (t) => {
  t.strictSame(
    mistakes('{\n  "name": "a",\n  "steps": [\n    { "op": "exit", "ops": 1 }\n  ]\n}\n', 'json'),
    ['f:4:21: steps[0].ops: unknown key "ops" (did you mean "op"?), expected one of as, op, expect'],
  );
  t.strictSame(mistakes('{\n  "name" "a"\n}', 'json'), [
    "f:2:10: expected a JSON document: Expected ':' after property name",
  ]);
  t.equal(load(good, 'f', 'json').documents[0]?.line, 1);
  t.end();
});

t.test('YAML: line and column of the value, of an unknown key, of what misses a key', (t) => {
  const text = [
    '# a comment',
    'name: a',
    'kernel: 6.12',
    'steps:',
    '  - { as: p0, op: open, fd: d0, device: 256 }',
    '  - op: store',
    '    region: r0',
    '    page: 0',
    '    pages: 4',
    '    wrod: 64',
  ].join('\n');
  t.strictSame(mistakes(text, 'yaml'), [
    'f:3:9: kernel: expected one of rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3, got 6.12 (quote it)',
    "f:5:41: steps[0].device: expected a minor number from 0 to 255, or the name of a driver's device file, got 256",
    'f:6:5: steps[1].word: missing key "word", expected a 32-bit word from 0 to 0xffffffff',
    'f:10:5: steps[1].wrod: unknown key "wrod" (did you mean "word"?), expected one of as, op, region, page, pages, word, step, offset, words, thread, expect',
  ]);
  t.end();
});

t.test('YAML that is none', (t) => {
  t.strictSame(mistakes('name: a\nsteps:\n  - { op: exit\n', 'yaml'), [
    'f:4:1: expected YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ]);
  t.strictSame(mistakes('name: a\nname: b\nsteps: []\n', 'yaml'), [
    'f:2:1: expected YAML: Map keys must be unique',
  ]);
  t.strictSame(mistakes('name: a\nsteps: []\n---\nname: b\nsteps: []\n', 'yaml'), [
    'f:3:1: expected one document a file; use JSON Lines for several',
  ]);
  t.strictSame(mistakes('', 'yaml'), ['f:1:1: document: expected a mapping, got null']);
  t.strictSame(mistakes('name: *nobody\nsteps: []\n', 'yaml').length, 1);
  t.end();
});

t.test('YAML: anchors and a byte order mark', (t) => {
  const text = '\ufeffname: a\nsteps:\n  - &s { op: exit }\n  - *s\n';
  t.strictSame(load(text, 'f', 'yaml').documents[0]?.document.steps, [{ op: 'exit' }, { op: 'exit' }]);
  const bad = 'name: a\nsteps:\n  - &s { op: exit, x: 1 }\n  - *s\n';
  t.strictSame(
    load(bad, 'f', 'yaml').mistakes.map(({ where }) => where),
    ['f:3:20', 'f:3:20'],
  );
  t.end();
});

t.test('steps after a load that oopses', (t) => {
  const text = 'name: a\nload: { oops: f }\nsteps:\n  - { op: fork, child: p1 }\n';
  const message = 'steps: expected none: nobody is left to take them after a load that oopses';
  t.strictSame(load(text, 'f', 'yaml'), { documents: [], mistakes: [{ where: 'f:3:1', message }] });
  t.strictSame(load('name: a\nload: { oops: f }\nsteps: []\n', 'f', 'yaml').mistakes, []);
  t.end();
});

t.test('syntax by name, or by looking', (t) => {
  const names = ['a.yaml', 'a.yml', 'a.json', 'a.jsonl', 'a.jsonl.gz', 'a.txt', 'yaml'];
  t.strictSame(names.map(syntaxOf), ['yaml', 'yaml', 'json', 'jsonl', 'jsonl', undefined, undefined]);
  t.equal(sniffSyntax('name: a\nsteps: []\n'), 'yaml');
  t.equal(sniffSyntax('{ name: a, steps: [] }\n'), 'yaml');
  t.equal(sniffSyntax(`${good}\n${good}\n`), 'jsonl');
  t.equal(sniffSyntax(`${good}\n`), 'json');
  t.equal(sniffSyntax('{\n "name": "a",\n "steps": []\n}\n'), 'json');
  t.equal(sniffSyntax(''), 'yaml');
  t.end();
});

t.test('the parts of a file load on their own, and know their lines', (t) => {
  const lines = Array.from({ length: 40 }, (_, i) => `{"name":"n${i + 1}","steps":${i === 36 ? '0' : '[]'}}`);
  for (const text of [lines.join('\n'), `\ufeff${lines.join('\n')}\n`, `${lines.join('\r\n')}\n\n`]) {
    const parts = partsOf(text, 'f', 'jsonl', 16);
    t.equal(parts.map((part) => part.text).join(''), text);
    t.strictSame(
      parts.map(({ line }) => line),
      [1, 17, 33],
    );
    const loaded = parts.map((part) => loadPart(part));
    t.strictSame(
      loaded.flatMap(({ documents }) => documents),
      load(text, 'f', 'jsonl').documents,
    );
    t.strictSame(
      loaded.flatMap((part) => part.mistakes),
      [{ where: 'f:37', message: 'steps: expected a list, got 0' }],
    );
  }
  t.strictSame(partsOf('', 'f', 'jsonl', 16), []);
  t.equal(partsOf('name: a\nsteps: []\n', 'f', 'yaml', 16).length, 1);
  t.end();
});

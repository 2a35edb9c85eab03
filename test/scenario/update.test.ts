// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { Syntax } from '../../src/scenario/syntax.js';
import { updateText, withResults, writeYaml } from '../../src/scenario/update.js';

function update(text: string, syntax: Syntax, results: StepResult[], kernel = '6.12'): string {
  const updates = load(text, 'f', syntax).documents.map(({ line, document }) => {
    return { line, document: withResults(document, results, kernel) };
  });
  return updateText(text, syntax, updates);
}

const yaml = `# top
name: pin   # why
kernel: "6.12"
steps:
  # open it
  - { as: p0, op: open, fd: d0, device: 0 }   # first
  - { as: p0, op: mmap, region: r0, pages: 0x1, prot: rw, share: private, backing: anon, }
  - op: store      # block
    region: r0
    page: 0
    pages: 1
    word: 64   # the word
    # trailing

  - { op: ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: 1,
      expect: { ret: EFAULT } } # c
  - op: exit
    expect:
      ret: 0 # keep
`;
const results: StepResult[] = [
  { ret: 0 },
  { ret: 0 },
  { pages: ['ok'] },
  { ret: 0, cpages: 1, faults: 1, data: [64] },
  { ret: 0 },
];

t.test('YAML: only the expectations change', (t) => {
  t.equal(
    update(yaml, 'yaml', results),
    yaml
      .replace('device: 0 }', 'device: 0, expect: { ret: 0 } }')
      .replace('backing: anon, }', 'backing: anon, expect: { ret: 0 } }')
      .replace('# the word\n', '# the word\n    expect: { pages: [ ok ] }\n')
      .replace('{ ret: EFAULT }', '{ ret: 0, cpages: 1, faults: 1, data: [ 64 ] }'),
  );
  t.end();
});

t.test('YAML: what agrees already is not touched', (t) => {
  const once = update(yaml, 'yaml', results);
  t.equal(update(once, 'yaml', results), once);
  t.end();
});

t.test('YAML: another kernel, and steps that an oops kept from running; comments stay', (t) => {
  const text = update(`source: recorded\n${yaml}`, 'yaml', [{ ret: 0 }, { oops: 'mmap_region' }], '6.1');
  const [loaded] = load(text, 'f', 'yaml').documents;
  t.equal(loaded?.document.kernel, '6.1');
  t.equal(loaded?.document.source, 'simulated: 6.1');
  const expects = loaded?.document.steps.map((step) => step.expect);
  t.strictSame(expects, [{ ret: 0 }, { oops: 'mmap_region' }, undefined, undefined, undefined]);
  for (const comment of [
    '# top',
    '# why',
    '# open it',
    '# first',
    '# block',
    '# the word',
    '# trailing',
    '# c',
  ]) {
    t.match(text, comment);
  }
  t.end();
});

t.test('YAML: a step that stands for another is written out where their results differ', (t) => {
  const text = 'name: a\nsteps:\n  - &s { op: exit }\n  - *s\n';
  const updated = update(text, 'yaml', [{ ret: 0 }, { ret: 'ESRCH' }]);
  t.strictSame(load(updated, 'f', 'yaml').documents[0]?.document.steps, [
    { op: 'exit', expect: { ret: 0 } },
    { op: 'exit', expect: { ret: 'ESRCH' } },
  ]);
  t.end();
});

t.test('JSON Lines: other lines keep their bytes; JSON keeps its indentation', (t) => {
  const text = 'not json\n{"name":"a","steps":[{"op":"exit"}]}\n\n';
  t.equal(
    update(text, 'jsonl', [{ ret: 0 }]),
    'not json\n{"name":"a","steps":[{"op":"exit","expect":{"ret":0}}]}\n\n',
  );
  const pretty = '{\n  "name": "a",\n  "steps": [\n    {\n      "op": "exit"\n    }\n  ]\n}\n';
  const step = '"op": "exit",\n      "expect": {\n        "ret": 0\n      }';
  t.equal(update(pretty, 'json', [{ ret: 0 }]), pretty.replace('"op": "exit"', step));
  t.end();
});

t.test('a recording that still holds stays a recording', (t) => {
  const document = {
    name: 'a',
    kernel: '6.12',
    source: 'recorded',
    steps: [{ op: 'exit', expect: { ret: 0 } }],
  } as const;
  const copy = () => ({ ...document, steps: [...document.steps] });
  t.equal(withResults(copy(), [{ ret: 0 }], '6.12').source, 'recorded');
  t.equal(withResults(copy(), [{ ret: 'ESRCH' }], '6.12').source, 'simulated: 6.12');
  t.end();
});

t.test('a new document is one step a line, and loads', (t) => {
  const { document } = load(yaml, 'f', 'yaml').documents[0]!;
  const written = withResults(document, results, '6.12');
  const text = writeYaml(written);
  t.strictSame(load(text, 'f', 'yaml').documents[0]?.document, written);
  t.equal(text.split('\n')[4], '  - { as: p0, op: open, fd: d0, device: 0, expect: { ret: 0 } }');
  t.equal(
    writeYaml({ name: 'a', steps: [] }),
    '# yaml-language-server: $schema=hmm-sim.schema.json\nname: a\nsteps: []\n',
  );
  t.end();
});

t.test('ends of lines and a byte order mark stay as they are', (t) => {
  const dos = (text: string): string => text.replaceAll('\n', '\r\n');
  const jsonl = '{"name":"a","steps":[{"op":"exit"}]}\n{"name":"b","steps":[{"op":"exit"}]}\n';
  const texts: [text: string, syntax: 'yaml' | 'json' | 'jsonl'][] = [
    [
      'name: a\n# why\nsteps:\n  - { op: open, fd: d0, device: 0 }\n  - { op: close, fd: d0, expect: { ret: EBADF } } # c\n',
      'yaml',
    ],
    ['name: a\nsteps:\n  - &x { op: close, fd: d0 }\n  - *x\n', 'yaml'],
    ['{\n  "name": "a",\n  "steps": [{ "op": "exit" }]\n}\n', 'json'],
  ];
  const answers: StepResult[] = [{ ret: 0 }, { ret: 0 }];
  for (const [text, syntax] of texts) {
    const updated = update(text, syntax, answers);
    t.not(updated, text);
    t.equal(update(dos(text), syntax, answers), dos(updated));
    t.equal(update(`\ufeff${text}`, syntax, answers), `\ufeff${updated}`);
    t.equal(update(`\ufeff${dos(text)}`, syntax, answers), `\ufeff${dos(updated)}`);
  }
  const after =
    '{"name":"a","steps":[{"op":"exit","expect":{"ret":0}}]}\r\n{"name":"b","steps":[{"op":"exit","expect":{"ret":0}}]}\r\n';
  t.equal(update(`\ufeff${dos(jsonl)}`, 'jsonl', answers), `\ufeff${after}`);
  const mixed = 'name: a\r\n# why\nsteps:\r\n  - { op: exit }\r\n';
  t.equal(update(mixed, 'yaml', answers), mixed.replace('exit', 'exit, expect: { ret: 0 }'));
  t.end();
});

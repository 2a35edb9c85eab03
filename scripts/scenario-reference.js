// SPDX-License-Identifier: GPL-2.0-only
/**
 * Writes docs/SCENARIOS.md from the schema, the tables of names, and examples/steps; with --check it only says whether
 * that is current. What has no example is an error.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { load } from '../dist/scenario/load.js';
import { choicesOf, fieldsOf } from '../dist/scenario/shape.js';
import { STEP_COMMANDS } from '../dist/scenario/step-commands.js';
import { DOCUMENT, FIELDS, MACHINE, PLACE, RESULTS, WORDS } from '../dist/scenario/steps/field-texts.js';
import { definitionOf, steps } from '../dist/scenario/steps/index.js';
import { DEFAULTS, MAP_FLAGS, PROTECTIONS, VALUES } from '../dist/scenario/steps/kernel-names.js';
import { textsOf } from '../dist/scenario/steps/labels.js';

const root = new URL('..', import.meta.url);
const page = new URL('docs/SCENARIOS.md', root);
const directory = new URL('examples/steps/', root);

/** Words that no kernel here answers: other page sizes, and what belongs to another device stays hidden. */
const NOT_ANSWERED = ['PUD', '0x60', 'DEV_PRIVATE_REMOTE'];

const examples = readdirSync(directory)
  .sort()
  .map((file) => {
    const text = readFileSync(new URL(file, directory), 'utf8');
    const { documents, mistakes } = load(text, file, 'yaml');
    if (mistakes.length > 0) throw new Error(`${file}: ${mistakes[0].message}`);
    return { file, text, written: parse(text), document: documents[0].document };
  });

const missing = [];

/** The first example that `has` it, as a link. @param {string} what @param {(example: any) => unknown} has */
function exampleOf(what, has) {
  const found = examples.find(has);
  if (found !== undefined) return `[${found.file}](../examples/steps/${found.file})`;
  if (!NOT_ANSWERED.includes(what)) missing.push(what);
  return 'no kernel here answers it';
}

/** Cells of a table. @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');
const table = (heads, rows) =>
  [
    `| ${heads.join(' | ')} |`,
    `|${heads.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');

/** A key's answer in a table: what it means, and where to see it. */
const keyRows = (texts, prefix, has) =>
  Object.entries(texts).map(([key, { description }]) => [
    `\`${key}\``,
    description,
    exampleOf(`${prefix}${key}`, has(key)),
  ]);

const stepsOf = ({ document }) => document.steps;
const isOf = (op, cmd) => (step) => step.op === op && (cmd === undefined || step.cmd === cmd);

/** Each step, and each command of the driver. */
const kinds = Object.keys(steps).flatMap((op) =>
  op === 'ioctl' ? choicesOf('ioctl', 'cmd').map((cmd) => ({ op, cmd })) : [{ op, cmd: undefined }],
);

/** The fields of a kind, in all its variants. */
function fieldsOfKind({ op, cmd }) {
  const variants =
    op === 'mmap' ? choicesOf(op, 'backing').map((backing) => ({ op, backing })) : [{ op, cmd }];
  return [...new Set(variants.flatMap((step) => Object.keys(fieldsOf(step))))];
}

/** The thread that takes a step: told once, for all of them. */
const isThread = ({ op }, field) => field === 'thread' && op !== 'await';

const inThreads = kinds
  .filter((kind) => fieldsOfKind(kind).some((field) => isThread(kind, field)))
  .map(({ op, cmd }) => `\`${cmd ?? op}\``);

function section(kind) {
  const { op, cmd } = kind;
  const name = cmd ?? op;
  const commands = Object.values(STEP_COMMANDS).filter(
    (one) => one.op === op && (cmd === undefined || one.name === cmd.toLowerCase()),
  );
  const own = examples.filter(({ file }) => file.startsWith(`${name}.`) || file.startsWith(`${name}-`));
  if (own.length === 0) missing.push(name);
  const taken = own.flatMap(stepsOf).filter(isOf(op, cmd));
  const { fn, errnos } = definitionOf(taken[0]).answers(taken[0]);
  const defaults = { ...DEFAULTS[op], ...DEFAULTS[cmd] };
  const of = textsOf(FIELDS, op);
  const rows = fieldsOfKind(kind)
    .filter((field) => !['as', 'op', 'expect'].includes(field) && !isThread(kind, field))
    .map((field) => {
      if (!taken.some((step) => step[field] !== undefined)) missing.push(`${name}.${field}`);
      const otherwise = field in defaults ? ` \`${defaults[field]}\` where it is left out.` : '';
      return [`\`${field}\``, of(field).description + otherwise];
    });
  return [
    `### ${name}`,
    ...commands.map(({ name, usage, help }) => `\`${`${name} ${usage}`.trimEnd()}\`: ${help}.`),
    `\`${fn}\` answers${errnos.length === 0 ? '' : `, maybe ${errnos.join(', ')}`}.`,
    ...(rows.length === 0 ? [] : [table(['Field', 'Meaning'], rows)]),
    ...own.map(({ text }) => `\`\`\`yaml\n${text}\`\`\``),
  ].join('\n\n');
}

/** Every place where a value of the answers stands, as words. */
const answered = (key) => (word) => (example) =>
  stepsOf(example).some(({ expect }) =>
    [expect?.[key] ?? []].flat().some((value) => wordsOf(key, value).includes(word)),
  );
const wordsOf = (key, value) => {
  const bare = String(value).replace(/ x\d+$/, '');
  if (key === 'perm') return bare.split('|');
  return key === 'map' && bare !== '.' ? [...bare] : [bare];
};

function wordRows(key) {
  return Object.entries(WORDS[key]).map(([word, meaning]) => [
    `\`${word}\``,
    meaning,
    exampleOf(word, answered(key)(word)),
  ]);
}

/** The values of a field, and what else they are called. */
function nameRows(field) {
  const { prefix, others } = VALUES[field];
  const op = { cmd: 'ioctl', advice: 'madvise', share: 'mmap', backing: 'mmap', kind: 'gup' }[field];
  return choicesOf(op, field).map((word) => {
    const more = Object.keys(others).filter((name) => others[name] === word);
    const kernel = prefix === '' ? more : [prefix + word.toUpperCase(), ...more];
    const has = (example) => stepsOf(example).some((step) => step[field] === word);
    return [
      `\`${field}\``,
      `\`${word}\``,
      kernel.map((name) => `\`${name}\``).join(', '),
      exampleOf(`${field}: ${word}`, has),
    ];
  });
}

const flagRows = Object.entries(MAP_FLAGS).map(([flag, fields]) => [
  '`flags`',
  `\`${flag}\``,
  Object.entries(fields)
    .map(([field, value]) => `\`${field}: ${value}\``)
    .join(', '),
  exampleOf(flag, ({ text }) => new RegExp(`${flag}\\b`).test(text)),
]);

const protectionRows = Object.entries(PROTECTIONS).map(([word, names]) => [
  '`prot`',
  `\`${word}\``,
  names.map((name) => `\`${name}\``).join(', '),
  exampleOf(`prot: ${word}`, (example) => stepsOf(example).some(({ prot }) => prot === word)),
]);

const anyStep = (has) => (key) => (example) => stepsOf(example).some((step) => has(step, key));

const text = `# Scenarios: every step, field, result and name

Made by \`node scripts/scenario-reference.js\` from the schema; the examples are documents of
[examples/steps](../examples/steps), which \`hmm-sim run examples/steps\` runs. \`hmm-sim schema > hmm-sim.schema.json\` writes the
JSON Schema, where the first line of what hmm-sim writes looks for it (\`# yaml-language-server: $schema=hmm-sim.schema.json\`).

Contents: [document](#document) · [steps](#steps) · [results](#results) · [names](#names)

## Document

${table(
  ['Key', 'Meaning', 'Example'],
  keyRows(
    DOCUMENT,
    '',
    (key) =>
      ({ written }) =>
        written[key] !== undefined,
  ),
)}

The keys of \`machine\`:

${table(
  ['Key', 'Meaning', 'Example'],
  keyRows(
    MACHINE,
    'machine.',
    (key) =>
      ({ written }) =>
        written.machine?.[key] !== undefined,
  ),
)}

## Steps

A step is a mapping, or a line of the shell, alone or before what it is to answer. These fields are everywhere:

${table(
  ['Field', 'Meaning', 'Example'],
  ['op', 'as', 'expect'].map((field) => [
    `\`${field}\``,
    FIELDS[field].description,
    exampleOf(field, anyStep((step, key) => step[key] !== undefined)(field)),
  ]),
)}

${inThreads.slice(0, -1).join(', ')} and ${inThreads.at(-1)} can be taken by a thread, and race with what follows where \`machine\` has
\`schedule: random\`; on a line, \`t1 store r0 5\`. Checkers rest until all threads are done.

${table(
  ['Field', 'Meaning', 'Example'],
  [
    [
      '`thread`',
      FIELDS.thread.description,
      exampleOf('thread', anyStep(({ thread }) => thread !== undefined)('thread')),
    ],
  ],
)}

A place (\`to\`, \`buffer\`) is \`r1[2]\`, or a mapping:

${table(
  ['Key', 'Meaning', 'Example'],
  keyRows(
    PLACE,
    'place.',
    anyStep((step, key) => (step.buffer ?? step.to)?.[key] !== undefined),
  ),
)}

${kinds.map(section).join('\n\n')}

## Results

The keys of \`expect\`. Equal elements in a row may be folded, and words that count up: \`ok x512\`, \`7..518\`.

${table(
  ['Key', 'Meaning', 'Example'],
  keyRows(
    RESULTS,
    'expect.',
    anyStep(({ expect }, key) => expect?.[key] !== undefined),
  ),
)}

${Object.keys(WORDS)
  .map((key) => `Words of \`${key}\`:\n\n${table(['Word', 'Meaning', 'Example'], wordRows(key))}`)
  .join('\n\n')}

## Names

Names are taken in any case, those of the kernel's headers too.

${table(['Field', 'Here', 'In the kernel', 'Example'], [...Object.keys(VALUES).flatMap(nameRows), ...protectionRows])}

${table(['Field', 'Flag', 'Is', 'Example'], flagRows)}
`;

if (missing.length > 0) {
  process.stderr.write(`examples/steps has no example of ${missing.join(', ')}\n`);
  process.exitCode = 1;
} else if (!process.argv.includes('--check')) {
  writeFileSync(page, text);
} else if (readFileSync(page, 'utf8') !== text) {
  process.stderr.write('docs/SCENARIOS.md is not current: node scripts/scenario-reference.js writes it\n');
  process.exitCode = 1;
}

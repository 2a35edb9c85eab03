// SPDX-License-Identifier: GPL-2.0-only
/**
 * The JSON Schema of what authors may write, from that of what it is read as: names, defaults and lines. An editor
 * picks the rule of a step by its op, so that it proposes the fields of that step alone.
 */

import { STEP_COMMANDS } from './step-commands.js';
import { DOCUMENT, FIELDS, MACHINE } from './steps/field-texts.js';
import { steps } from './steps/index.js';
import { COMMANDS, DEFAULTS, DEVICE_NAME, VALUES } from './steps/kernel-names.js';
import { type Json, labelled, textsOf } from './steps/labels.js';

/** Stays what it is as long as documents of version 1 are read. */
const SCHEMA_ID = 'urn:hmm-sim:scenario:1';

/** The name that what we write has for its schema; `hmm-sim schema` prints what belongs there. */
export const SCHEMA_LINE = '# yaml-language-server: $schema=hmm-sim.schema.json\n';

/** Fields that a step about pages may leave out, or say as words. */
const PAGES = ['page', 'pages'];

const unique = (words: readonly string[]): string[] => [...new Set(words)];

/** As it is in ours, in small letters and in capitals. */
const cases = (words: readonly string[]): string[] =>
  unique(words.flatMap((word) => [word, word.toUpperCase(), word.toLowerCase()]));

/** One of `words` in any case, as a pattern, which has no flags in JSON Schema. */
function anyCase(words: readonly string[]): string {
  const letters = (word: string) =>
    word.replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`);
  return `^(?:${unique(words.map((word) => word.toUpperCase()))
    .map(letters)
    .join('|')})$`;
}

/** Editors propose the ones that are listed, and take them in any case. */
const named = (words: readonly string[]): Json => ({
  type: 'string',
  anyOf: [{ enum: cases(words) }, { pattern: anyCase(words) }],
});

/** What may stand for `words` in this field. */
function spellings(field: string, words: readonly string[]): string[] {
  const { prefix, others } = VALUES[field] ?? { prefix: '', others: {} };
  const kernel = prefix === '' ? [] : words.map((word) => prefix + word.toUpperCase());
  const more = Object.entries(others).filter(([, ours]) => words.includes(ours));
  return [...words, ...kernel, ...more.map(([name]) => name)];
}

const wordsIn = (value: Json): string[] =>
  Array.isArray(value.enum) ? (value.enum as string[]) : 'const' in value ? [value.const as string] : [];

/** A protection by its bits: rw, READ|WRITE, PROT_READ | PROT_WRITE. */
const PROTECTION = /^ *(PROT_)?(READ|WRITE|NONE|R|W|RW|WR)( *\| *(PROT_)?(READ|WRITE|NONE|R|W|RW|WR))* *$/;
const FLAG = '(MAP_)?(PRIVATE|SHARED|ANON|ANONYMOUS|HUGETLB|FIXED)';
const REGION = '^r(0|[1-9]\\d{0,3})(\\[\\w*(\\.\\.\\w*)?[\\])])?$';

const caseless = (source: string): string =>
  source.replace(/[A-Za-z]/g, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`);

function authoredField(field: string, value: Json): Json {
  const words = wordsIn(value);
  if (field === 'prot')
    return { type: 'string', anyOf: [{ enum: cases(words) }, { pattern: caseless(PROTECTION.source) }] };
  if (field === 'share') {
    const flags = { pattern: caseless(`^ *${FLAG}( *\\| *${FLAG})* *$`) };
    return { type: 'string', anyOf: [{ enum: cases(spellings(field, words)) }, flags] };
  }
  if (field === 'device') return { anyOf: [value, { type: 'string', pattern: DEVICE_NAME }] };
  if (field === 'region') return { type: 'string', pattern: REGION };
  if (field === 'to' || field === 'buffer') return { anyOf: [value, { type: 'string', pattern: REGION }] };
  return VALUES[field] === undefined || words.length === 0 ? value : named(spellings(field, words));
}

/** One kind of step, as the schema of documents that are read has it. */
interface Kind {
  readonly op: string;
  readonly cmd: string | undefined;
  readonly backing: string | undefined;
  readonly schema: Json;
}

const constOf = (schema: Json, field: string): string | undefined =>
  (schema.properties as Record<string, Json>)[field]?.const as string | undefined;

/** All kinds, whichever unions they stand in. */
function kindsOf(schema: Json): Kind[] {
  const options = (schema.oneOf ?? schema.anyOf) as Json[] | undefined;
  if (options !== undefined) return options.flatMap(kindsOf);
  const [cmd, backing] = [constOf(schema, 'cmd'), constOf(schema, 'backing')];
  return [{ op: constOf(schema, 'op')!, cmd, backing, schema }];
}

/** What `op` may be for such a step; and a command's own name, which is no op of the schema. */
const opNames = ({ op }: Kind): string[] => [
  op,
  ...Object.keys(COMMANDS).filter((name) => COMMANDS[name] === op),
];

const commandNames = ({ op, cmd }: Kind): string[] =>
  Object.values(STEP_COMMANDS)
    .filter((command) => command.op === op && command.name.toUpperCase() === cmd)
    .flatMap(() => spellings('cmd', [cmd!]));

/** The fields of a step that names its op in this way. */
function fieldsFor(kind: Kind, op: readonly string[], without: readonly string[]): Json {
  const { properties, required } = kind.schema as { properties: Record<string, Json>; required: string[] };
  const own = Object.entries(properties)
    .filter(([field]) => !without.includes(field))
    .map(([field, value]) => [field, field === 'op' ? named(op) : authoredField(field, value)]);
  const fields = Object.fromEntries(own) as Record<string, Json>;
  if (kind.op === 'mmap')
    fields.flags = { type: 'string', pattern: caseless(`^ *${FLAG}( *\\| *${FLAG})* *$`) };
  const left = [...Object.keys({ ...DEFAULTS[kind.op], ...DEFAULTS[kind.cmd ?? ''] }), ...without];
  const needed = required.filter((field) => !left.includes(field) && !PAGES.includes(field));
  const rest = { required: needed, additionalProperties: false };
  return { properties: labelledFields(kind, fields), ...rest, ...oneOfThem(kind) };
}

/** Fields of which there must be one. */
function oneOfThem({ op, cmd }: Kind): Json {
  const has = (field: string): Json => ({ required: [field] });
  if (cmd === 'WRITE' || op === 'fwrite') return { oneOf: [has('word'), has('buffer')] };
  if (op === 'mremap') return { oneOf: [has('to'), has('toPages')] };
  // How long a new region is nobody knows.
  return op === 'mmap' ? { anyOf: [has('pages'), { properties: { region: { pattern: '\\[' } } }] } : {};
}

function labelledFields({ op, cmd }: Kind, fields: Record<string, Json>): Json {
  const of = textsOf(FIELDS, op);
  const labels = Object.entries(fields).map(([field, value]) => [field, labelled(value, of(field))]);
  const what = helpOf(op, cmd);
  const { op: named } = Object.fromEntries(labels) as { op: Json };
  return { ...Object.fromEntries(labels), op: { ...named, description: what } };
}

function helpOf(op: string, cmd: string | undefined): string {
  const commands = Object.values(STEP_COMMANDS).filter((command) => command.op === op);
  return (commands.find(({ name }) => name === cmd?.toLowerCase()) ?? commands[0]!).help;
}

/** `field` is one of `words`. */
const condition = (field: string, words: readonly string[]): Json => ({
  properties: { [field]: { type: 'string', pattern: anyCase(words) } },
  required: [field],
});

/** Commands of a driver that are called as a system call is: READ, and read. */
const isNamesake = (op: string): boolean => STEP_COMMANDS[op] !== undefined && STEP_COMMANDS[op].op !== op;

/** `op` is that of the system call: spelled so, and without a device. */
const systemCall = (op: string): Json => ({
  properties: { op: { const: op } },
  required: ['op'],
  not: { required: ['fd'] },
});

const rule = (title: string, description: string, when: Json, then: Json): Json =>
  labelled({ if: labelled(when, { title, description }), then }, { title, description });

/** The rules of one op: one, or one for each command or backing. */
function rulesOf(kinds: readonly Kind[]): Json[] {
  const [first] = kinds as [Kind];
  const title = first.op;
  const ops = opNames(first);
  const when = isNamesake(first.op) ? systemCall(first.op) : condition('op', ops);
  if (first.cmd !== undefined) return kinds.flatMap((kind) => commandRules(kind, ops));
  if (first.backing !== undefined) return [mappingRule(kinds, ops, when)];
  return [rule(title, helpOf(first.op, undefined), when, fieldsFor(first, ops, []))];
}

/** `op: ioctl, cmd: READ`, and `op: READ`. */
function commandRules(kind: Kind, ops: readonly string[]): Json[] {
  const what = helpOf(kind.op, kind.cmd);
  const [op, cmd] = [condition('op', ops), condition('cmd', spellings('cmd', [kind.cmd!]))];
  const both = {
    properties: { ...(op.properties as Json), ...(cmd.properties as Json) },
    required: ['op', 'cmd'],
  };
  const names = commandNames(kind);
  const own = kind.cmd!.toLowerCase();
  const named = condition('op', names);
  const when = own in steps ? { ...named, not: systemCall(own) } : named;
  return [
    rule(`ioctl ${kind.cmd}`, what, both, fieldsFor(kind, ops, [])),
    rule(kind.cmd!, what, when, fieldsFor(kind, names, ['cmd'])),
  ];
}

/** A device file is mapped by its fd; what else is mapped differs by one word only. */
function mappingRule(kinds: readonly Kind[], ops: readonly string[], when: Json): Json {
  const device = kinds.find(({ backing }) => backing === 'device')!;
  const others = kinds.filter((kind) => kind !== device);
  const [other] = others as [Kind];
  const words = others.map(({ backing }) => backing!);
  const schema = {
    ...other.schema,
    properties: { ...(other.schema.properties as Json), backing: { enum: words } },
  };
  const isDevice = labelled(condition('backing', spellings('backing', ['device'])), {
    title: 'backing: device',
    description: 'A device file is mapped.',
  });
  const then = fieldsFor(device, ops, []);
  const fields = { if: isDevice, then, else: fieldsFor({ ...other, schema }, ops, []) };
  return rule('mmap', helpOf('mmap', undefined), when, fields);
}

/** A step is one of these, or a line of the shell. */
function stepRules(kinds: readonly Kind[]): Json {
  const kindsByOp = unique(kinds.map(({ op }) => op)).map((op) => kinds.filter((kind) => kind.op === op));
  const ops = kinds.flatMap((kind) => [
    ...opNames(kind),
    ...(kind.cmd === undefined ? [] : commandNames(kind)),
  ]);
  const cmds = kinds.flatMap(({ cmd }) => (cmd === undefined ? [] : spellings('cmd', [cmd])));
  const of = textsOf(FIELDS);
  const needsCmd = rule('ioctl', 'An ioctl says which command it is.', condition('op', ['ioctl']), {
    properties: { cmd: labelled(named(cmds), of('cmd')) },
    required: ['cmd'],
  });
  return {
    type: 'object',
    properties: { op: labelled(named(unique(ops)), of('op')) },
    required: ['op'],
    allOf: [needsCmd, ...kindsByOp.flatMap(rulesOf)],
  };
}

const LINE = { type: 'string', pattern: '^\\s*[A-Za-z]' };

const ANSWERED = {
  type: 'object',
  minProperties: 1,
  maxProperties: 1,
  propertyNames: { not: { enum: ['op', 'as', 'expect', 'cmd', 'fd', 'region', 'page', 'pages'] } },
  additionalProperties: { type: ['object', 'null'] },
};

function stepsSchema({ items, ...steps }: Json): Json {
  const anyOf = [
    labelled(LINE, { title: 'line', description: "A line of the shell: 'open d0 0'." }),
    labelled(ANSWERED, {
      title: 'line with its answer',
      description: "A line of the shell, and what it is to answer: 'MIGRATE d0 r0': { ret: 0, cpages: 1 }.",
    }),
    labelled(stepRules(kindsOf(items as Json)), { title: 'step', description: 'A step by its fields.' }),
  ];
  return { ...steps, items: { anyOf } };
}

export function authoredSchema(schema: Json): Json {
  const { $schema, ...rest } = schema;
  const properties = { ...(schema.properties as Record<string, Json>) };
  properties.steps = stepsSchema(properties.steps!);
  const of = textsOf(DOCUMENT);
  const fields = Object.entries(properties).map(([key, value]) => [
    key,
    labelled(value, of(key), key === 'machine' ? MACHINE : undefined),
  ]);
  return {
    $schema,
    $id: SCHEMA_ID,
    title: 'hmm-sim scenario',
    description:
      'Steps that user processes take on a simulated machine with HMM, and what each is to answer.',
    ...rest,
    properties: Object.fromEntries(fields),
  };
}

// SPDX-License-Identifier: GPL-2.0-only
/** The JSON Schema for editors takes what the loader takes, and says what everything is. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { parse } from 'yaml';
import { LIMITS } from '../../src/scenario/limits.js';
import { readWithin } from '../../src/scenario/read.js';
import { scenarioJsonSchema } from '../../src/scenario/schema.js';
import { STEP_COMMANDS } from '../../src/scenario/step-commands.js';
import { steps } from '../../src/scenario/steps/index.js';
import { nodesOf, type Schema, valid } from './json-schema.js';

const schema = scenarioJsonSchema();

const filesOf = (directory: string): string[] => readdirSync(directory).map((file) => `${directory}/${file}`);

t.test('every node has a title and a description', (t) => {
  const nodes = [...nodesOf(schema)];
  t.ok(nodes.length > 1000);
  const bare = nodes.filter(([, { title, description }]) => !title || !description);
  t.strictSame(
    bare.map(([at]) => at),
    [],
  );
  t.end();
});

t.test('its id is stable', (t) => {
  t.equal(schema.$id, 'urn:hmm-sim:scenario:1');
  t.end();
});

t.test('documents that run are valid', (t) => {
  for (const file of [...filesOf('test/derived'), ...filesOf('test/bugs')]) {
    t.ok(valid(parse(readFileSync(file, 'utf8')), schema), file);
  }
  for (const kernel of ['6.1', '6.12', '7.3']) {
    for (const file of filesOf(`test/golden/${kernel}`)) {
      const lines = gunzipSync(readFileSync(file)).toString().split('\n');
      const bad = lines.slice(0, 20).filter((line) => line !== '' && !valid(JSON.parse(line), schema));
      t.strictSame(bad, [], file);
    }
  }
  t.end();
});

const document = (step: unknown): unknown => ({
  name: 'x',
  steps: ['open d0 0', 'mmap r0 4', 'mmap r1 4', step],
});

/** Does the loader take it? */
const loads = (step: unknown): boolean => readWithin(LIMITS, document(step)).complaints.length === 0;

t.test('it takes the names that the loader takes, and refuses what that refuses', (t) => {
  const fd = 'd0';
  const region = 'r0';
  const good: unknown[] = [
    'Migrate d0 r0[1..2]',
    { 'snapshot d0 r0': { perm: ['READ'] } },
    { 'unpin ': null },
    { op: 'READ', fd, region },
    { op: 'hmm_dmirror_Read', fd, region: 'r0[1..2]' },
    { op: 'IOCTL', cmd: 'Snapshot', fd, region, page: 1 },
    { op: 'migrate', fd, region, toDevice: false },
    { op: 'WRITE', fd, region, word: 3 },
    { op: 'write', fd, region, buffer: 'r1[0]' },
    { op: 'GET_MEM_DEV_TYPE', fd },
    { op: 'Store', region, word: 1 },
    { op: 'madvise', region, advice: 'MADV_DontNeed' },
    { op: 'mprotect', region, prot: 'PROT_READ | PROT_WRITE' },
    { op: 'mmap', region: 'r2', pages: 1, share: 'MAP_SHARED', backing: 'MAP_ANONYMOUS' },
    { op: 'mmap', region: 'r2', pages: 1, flags: 'MAP_PRIVATE|MAP_ANON' },
    { op: 'mmap', region: 'r2[0..3]', backing: 'file' },
    { op: 'mmap', region: 'r2', pages: 1, backing: 'Device', fd },
    { op: 'gup', region, kind: 'PIN_LONGTERM_BENCHMARK' },
    { op: 'PIN_LONGTERM_TEST_START', region },
    { op: 'mremap', region, to: 'r2[1]' },
    { op: 'open', fd: 'd1', device: '/dev/hmm_dmirror1' },
    { op: 'read', fd, region, expect: { ret: '-EFAULT' } },
    // Without a device, in small letters, they are system calls.
    { op: 'read', region, word: 64, expect: { ret: 0, bytes: 16384 } },
    { op: 'write', region, expect: { ret: 0, bytes: 4096, data: [64] } },
    { op: 'fwrite', region, word: 64 },
    { op: 'fwrite', region, buffer: 'r1' },
    { op: 'mremap', region, toPages: 2 },
    { op: 'mremap', region, to: 'r2', dontunmap: true },
    { op: 'peek', of: 'p0', region, force: true },
    { op: 'mincore', region, expect: { core: [1, '0 x3'] } },
    { op: 'truncate', region, pages: 2 },
    { op: 'uffd_register', region, mode: ['missing', 'wp'] },
    { op: 'uffd_wp', region, wp: false },
    { op: 'ioctl_raw', fd, nr: 0, region, offset: -4096, npages: 1 },
    { op: 'ioctl_raw', fd, nr: 0, region, offset: '-0x8000000000000000', npages: 1 },
    { op: 'ioctl_raw', fd, nr: 0, region, offset: '0xffffffffffffffff', npages: 1 },
  ];
  const bad: unknown[] = [
    { op: 'opne', fd, device: 0 },
    { op: 'ioctl', fd, region },
    { op: 'READ', region },
    { op: 'READ', fd, region, word: 1 },
    { op: 'READ', fd, region, expect: { perm: ['READ'] } },
    { op: 'WRITE', fd, region },
    { op: 'Read', region, word: 64 },
    { op: 'write', region, word: 64 },
    { op: 'write', fd, region },
    { op: 'fwrite', region },
    { op: 'fwrite', region, word: 64, buffer: 'r1' },
    { op: 'mremap', region },
    { op: 'mremap', region, to: 'r2', toPages: 2 },
    { op: 'mincore', region, expect: { core: [2] } },
    { op: 'uffd_register', region, mode: [] },
    { op: 'peek', region },
    { op: 'ioctl_raw', fd, nr: 0, region, offset: 0.5, npages: 1 },
    { op: 'mmap', region: 'r2' },
    { op: 'mmap', region: 'r2', pages: 1, backing: 'device' },
    { op: 'mmap', region: 'r2', pages: 1, backing: 'file', fd },
    { op: 'mprotect', region, prot: 'rx' },
    { op: 'madvise', region, advice: 'DO_NEED' },
    { op: 'gup', region, kind: 'slow' },
    { region, word: 1 },
    3,
  ];
  for (const step of good) {
    t.ok(loads(step), `loads: ${JSON.stringify(step)}`);
    t.ok(valid(document(step), schema), `is valid: ${JSON.stringify(step)}`);
  }
  for (const step of bad) {
    t.notOk(loads(step), `does not load: ${JSON.stringify(step)}`);
    t.notOk(valid(document(step), schema), `is not valid: ${JSON.stringify(step)}`);
  }
  t.end();
});

t.test('a rule for each op and each command, so that editors propose its fields alone', (t) => {
  const { properties } = schema as { properties: { steps: { items: { anyOf: Schema[] } } } };
  const [line, answered, step] = properties.steps.items.anyOf as [Schema, Schema, Schema];
  t.match(line, { type: 'string' });
  t.match(answered, { type: 'object', maxProperties: 1 });
  const rules = step.allOf as { title: string; then: { properties: object; required: string[] } }[];
  const titles = new Set(rules.map(({ title }) => title));
  for (const op of Object.keys(steps)) t.ok(titles.has(op), op);
  for (const { op, name } of Object.values(STEP_COMMANDS)) {
    t.ok(titles.has(op === 'ioctl' ? name.toUpperCase() : op), name);
  }
  const fieldsOf = (title: string) => rules.find((rule) => rule.title === title)!.then;
  t.strictSame(Object.keys(fieldsOf('open').properties), ['as', 'op', 'fd', 'device', 'expect']);
  t.strictSame(fieldsOf('MIGRATE').required, ['op', 'fd', 'region']);
  t.strictSame(fieldsOf('ioctl WRITE').required, ['op', 'cmd', 'fd', 'region']);
  t.end();
});

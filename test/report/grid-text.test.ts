// SPDX-License-Identifier: GPL-2.0-only
/** The grid as text: what does not fit goes below, and colours take no room. */
import t from 'tap';
import { drawScenario } from '../../src/explain/show-grid.js';
import { gridText, type TonePainter } from '../../src/report/grid-text.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

const setups = new Setups();

const STEPS: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
  { op: 'store', region: 'r0', page: 0, pages: 1, word: 64 },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 1, pages: 1 },
  { op: 'load', region: 'r0', page: 1, pages: 1 },
];

const plain: TonePainter = (text) => text;

function drawn(steps: Step[], width: number, paint = plain, kernel = '6.12'): string[] {
  const document = { name: 'small', kernel, steps } as ScenarioDocument;
  const setup = setups.of(document);
  return gridText(drawScenario(bootMachine(setup), setup, document), { width, paint });
}

t.test('a narrow terminal', async (t) => {
  t.same(drawn(STEPS, 46), [
    'small on 6.12',
    '',
    '0  p0 open d0 device=0: ret 0',
    '1  p0 mmap r0[0..1] prot=rw share=private backing=anon: ret 0',
    '2  p0 store r0[0] word=64: ok',
    '3  p0 MIGRATE_TO_DEV d0 r0[1]: ret 0, cpages 1, faults 0',
    '4  p0 load r0[1]: 0',
    '',
    '. nothing mapped, Z zero page,',
    'S system memory, P private (local),',
    'P private (remote), C coherent (local),',
    'C coherent (remote), X exclusive to a device;',
    'P and C have the number of their device; local',
    'is hmm_dmirror0',
    'behind it what the CPU does without a fault (-',
    'nothing), then each device: 0r reads, 0rw',
    'writes too, 0a atomic',
    '',
    '          0     1     2      3',
    '          open  mmap  store  MIGRATE_TO_DEV',
    'p0 r0[0]        .     S rw   S rw',
    'p0 r0[1]        .     .      P0 - 0rw',
    '',
    '          4',
    '          load',
    'p0 r0[0]  S rw',
    'p0 r0[1]  S rw',
  ]);
});

t.test('colours', async (t) => {
  const coloured = drawn(STEPS, 46, (text, tone) => `<${tone}|${text}>`);
  const bare = coloured.map((line) => line.replace(/<[a-z-]+\|(.*?)>/g, '$1'));
  t.same(bare, drawn(STEPS, 46));
  t.ok(coloured.includes('p0 r0[1]  <system|S rw>'));
});

t.test('device memory has the name that the kernel gives it', async (t) => {
  const steps = STEPS.slice(0, 4);
  const generic = drawn(steps, 100, plain, 'v5-generic');
  t.same(generic.slice(7, 10), [
    '. nothing mapped, Z zero page, S system memory, P private (local), P private (remote),',
    'G generic (local), G generic (remote), X exclusive to a device; P and G have the number of their',
    'device; local is hmm_dmirror0',
  ]);
  t.equal(generic.at(-1), 'p0 r0[1]        .     .      G0 rw 0rw');
});

t.test('a scenario without steps', async (t) => {
  t.same(drawn([], 80), ['small on 6.12: no steps']);
});

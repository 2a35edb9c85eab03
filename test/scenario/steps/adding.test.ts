// SPDX-License-Identifier: GPL-2.0-only
/**
 * What adding a step takes: its family's file, and the C export where it has a C function of its own. An imaginary
 * `nop` is added to a copy of the tree, first lacking things, then whole.
 */
import t from 'tap';
import { complaints, copyOf, edit, loadFrom } from '../../copied_tree.js';

const FAMILY = 'src/scenario/steps/processes.ts';
const TAKERS = 'src/export/takers.ts';

const WHOLE = `
const nop = defineStep(stepSchema('nop', {}, expectRet), {
  *take(sys): Task<StepResult> {
    yield* sys.spin();
    return SUCCESS;
  },
  answers: () => answeredBy('schedule'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { nop: command('', 'do nothing', [0, 0], () => ({})) },
  plainer: nothingPlainer,
  draws: { nop: { share: 20, on: () => ({}) } },
  c: { takers: ['nop'], taker: () => 'nop', fields: () => [], listed: () => 0 },
});
`;

const IMPORTS = `import type { Task } from '../../sim/task.js';
import { type StepResult, SUCCESS } from '../result.js';
`;

const C = "  nop: part('\\nstatic void take_nop(const struct step *step)\\n{\\n\\t(void)step;\\n}\\n'),\n";

function addStep(copy: string, definition: string): void {
  edit(copy, FAMILY, (text) =>
    text
      .replace('*/\n', `*/\n${IMPORTS}`)
      .replace(
        'export const processes = { fork, exit, kill, await: awaited };',
        `${definition}\nexport const processes = { fork, exit, kill, await: awaited, nop };`,
      ),
  );
}

t.test('what a step lacks is named where it belongs; a whole one is known to everybody', async (t) => {
  const copy = copyOf(t, 'tree');
  const answers = / {2}answers: \(\) => answeredBy\('schedule'\),\n/;
  addStep(copy, WHOLE.replace(answers, ''));
  const lacking = complaints(copy);
  t.strictSame(Object.keys(lacking), [FAMILY]);
  t.match(lacking[FAMILY], /Property 'answers' is missing/);

  edit(copy, FAMILY, (text) => text.replace(/\nconst nop = [\s\S]*?\n\}\);\n/, WHOLE));
  const withoutC = complaints(copy);
  t.strictSame(Object.keys(withoutC), [TAKERS]);
  t.match(withoutC[TAKERS], /Property 'nop' is missing/);

  edit(copy, TAKERS, (text) => text.replace('  open: part(', `${C}  open: part(`));
  t.strictSame(complaints(copy), {});
  const load = (path: string) => loadFrom(copy, path);
  const { diagnose } = await load('scenario/diagnose.js');
  const document = { name: 'idle', kernel: '6.12', steps: [{ op: 'nop', expect: { ret: 0 } }] };
  t.strictSame(diagnose(document), []);
  const { parseCommand } = await load('shell/commands.js');
  t.strictSame(parseCommand('nop', { as: 'p0' }), {
    kind: 'step',
    step: { as: 'p0', op: 'nop' },
    written: 'nop',
  });
  const { generateScenario } = await load('fuzz/generate.js');
  const drawn = Array.from({ length: 50 }, (_, seed) =>
    generateScenario(seed, { kernel: '6.12', category: 'all' }),
  );
  t.ok(drawn.some(({ steps }) => steps.some(({ op }: { op: string }) => op === 'nop')));
  const { Setups } = await load('session/setup.js');
  const { MachinePool } = await load('session/machine-pool.js');
  const { runOn } = await load('session/runner.js');
  const setup = new Setups().of(document);
  t.strictSame(runOn(new MachinePool(), setup, document).results, [{ ret: 0 }]);
  const { exportC } = await load('export/export-c.js');
  t.match(exportC([{ document, setup }], { expect: true }), /\.take = take_nop/);
});

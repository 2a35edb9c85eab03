// SPDX-License-Identifier: GPL-2.0-only
/**
 * What adding a step takes: its family's file, and the C export where it has a C function of its own. An imaginary
 * `nop` is added to a copy of the tree, first lacking things, then whole.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';

const root = fileURLToPath(new URL('../../..', import.meta.url));
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

/** A copy of the tree in the test's own directory. */
function copyOf(t: Test, name: string): string {
  const copy = join(t.testdir(), name);
  mkdirSync(copy);
  for (const path of ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function edit(copy: string, path: string, change: (text: string) => string): void {
  const file = join(copy, path);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

function addStep(copy: string, definition: string): void {
  edit(copy, FAMILY, (text) =>
    text
      .replace('*/\n', `*/\n${IMPORTS}`)
      .replace(
        'export const processes = { fork, exit };',
        `${definition}\nexport const processes = { fork, exit, nop };`,
      ),
  );
}

/** The files that the type checker complains of, with its first complaint of each. */
function complaints(copy: string): Record<string, string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: copy,
    encoding: 'utf8',
  });
  const found: Record<string, string> = {};
  for (const [, file, text] of stdout.matchAll(
    /^(\S+?)\(\d+,\d+\): error \w+: ([\s\S]*?)(?=^\S|$(?![\s\S]))/gm,
  )) {
    found[file!] ??= text!;
  }
  return found;
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
  const load = (path: string) => import(pathToFileURL(join(copy, 'dist', path)).href);
  const { diagnose } = await load('scenario/diagnose.js');
  const document = { name: 'idle', kernel: '6.12', steps: [{ op: 'nop', expect: { ret: 0 } }] };
  t.strictSame(diagnose(document), []);
  const { parseCommand } = await load('shell/commands.js');
  t.strictSame(parseCommand('nop', { as: 'p0' }), { kind: 'step', step: { as: 'p0', op: 'nop' } });
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

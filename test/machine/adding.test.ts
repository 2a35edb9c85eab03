// SPDX-License-Identifier: GPL-2.0-only
/** What adding a driver takes: its folder, and a line in the registry. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { complaints, copyOf, edit, loadFrom } from '../copied_tree.js';

const REGISTRY = 'src/machine/registry.ts';
const FOLDER = 'src/drivers/nodrv';
const LINE = '  loadable(test_hmm, test_hmm_checkers),\n';

/** The driver as it stands in a folder of the drivers. */
function driverText(): string {
  const file = fileURLToPath(new URL('nodrv.ts', import.meta.url));
  return readFileSync(file, 'utf8').replaceAll("'../../src/", "'../../");
}

t.test('a folder and a line in the registry make a driver', async (t) => {
  const copy = copyOf(t, 'tree');
  mkdirSync(join(copy, FOLDER));
  writeFileSync(join(copy, FOLDER, 'module.ts'), driverText());
  edit(copy, REGISTRY, (text) =>
    text
      .replace('\nimport type', "\nimport { nodrv } from '../drivers/nodrv/module.js';\nimport type")
      .replace(LINE, `${LINE}  loadable(nodrv),\n`),
  );
  t.strictSame(complaints(copy), {});
  const { Machine } = await loadFrom(copy, 'machine/machine.js');
  const machine = Machine.boot({ module: { name: 'nodrv', params: {} }, check: true });
  t.equal(machine.loadModule('nodrv', {}), 0);
  t.equal(machine.dmesg.at(-1), 'nodrv: loaded');
  t.equal(machine.lookup('/dev/nodrv0').name, 'nodrv0');
  machine.leakCheck();
  machine.unloadModule('nodrv');
  t.equal(machine.lookup('/dev/nodrv0'), undefined);
});

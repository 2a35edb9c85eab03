// SPDX-License-Identifier: GPL-2.0-only
/** What a device from outside writes to pages of files, past the page tables, and whether its driver says so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hmmSim, root } from '../cli/hmm-sim.js';

const directory = t.testdir();
const READS = '      data.set(hmm.memcpy_from_page(';
const SOURCE = readFileSync(`${root}examples/drivers/mirror.js`, 'utf8');

/** The example, whose READ writes a byte first; then comes `also`. Return: its file, and the line that writes. */
function writer(name: string, also: string): { readonly file: string; readonly line: number } {
  const file = join(directory, `${name}.js`);
  const writes = `      hmm.memcpy_to_page(this.k, page, 0, Uint8Array.of(7));${also}\n`;
  if (!SOURCE.includes(READS)) throw new Error('the example reads otherwise');
  writeFileSync(file, SOURCE.replace(READS, writes + READS));
  return { file, line: SOURCE.slice(0, SOURCE.indexOf(READS)).split('\n').length };
}

const run = (file: string, backing: string, steps: readonly string[], ...options: readonly string[]) => {
  const path = join(directory, 'scenario.yaml');
  const all = ['open d0 mirror0', `mmap r0 1 rw shared ${backing}`, 'load r0', 'driver d0 READ r0', ...steps];
  writeFileSync(
    path,
    `name: n\nkernel: "6.12"\nmachine: { swap: 64M }\nsteps:\n${all.map((step) => `  - ${step}\n`).join('')}`,
  );
  return hmmSim('run', '--json', '--insmod', file, ...options, path);
};

const AWAY = ['madvise r0 pageout', 'load r0'];

for (const backing of ['file', 'disk']) {
  t.test(`${backing}: what is not marked is lost, which a check says`, async (t) => {
    const { file, line } = writer('unmarked', '');
    const silent = run(file, backing, AWAY);
    t.equal(silent.status, 0);
    t.match(silent.stdout, '{"pages":[0]}', 'reclaim has dropped what the device wrote');
    const { status, stdout } = run(file, backing, AWAY, '--check');
    t.equal(status, 1);
    t.match(
      stdout.replaceAll(/0x\w+/g, 'N'),
      'lost write: reclaim has dropped a page as clean that nobody marked',
    );
    t.match(stdout, `was written at ${file}:${line}`);
  });

  t.test(`${backing}: what the CPU wrote to as well is kept by that`, async (t) => {
    const { file } = writer('unmarked', '');
    const { status, stdout } = run(file, backing, ['store r0 9', ...AWAY], '--check');
    t.equal(status, 0);
    t.match(stdout, '{"pages":[9]}');
  });

  t.test(`${backing}: what its owner cuts off is nobody's`, async (t) => {
    const { file } = writer('unmarked', '');
    const cut = ['{ op: punch, region: r0, page: 0, pages: 1 }', ...AWAY, ...AWAY];
    t.equal(run(file, backing, cut, '--check').status, 0);
  });
}

t.test('what is marked goes to the swap device, and comes back', async (t) => {
  const { file } = writer('marked', ' hmm.set_page_dirty(this.k, page);');
  const { status, stdout } = run(file, 'file', AWAY, '--check');
  t.equal(status, 0);
  t.match(stdout, '{"pages":["mixed"]}');
});

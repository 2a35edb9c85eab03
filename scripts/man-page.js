// SPDX-License-Identifier: GPL-2.0-only
/** Writes man/hmm-sim.1 from the commands of the built command line; with --check it only says whether that is current. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { wholeProgram } from '../dist/cli/main.js';
import { manPage } from '../dist/cli/man-page.js';

const file = new URL('../man/hmm-sim.1', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const page = manPage(await wholeProgram(), version);
if (!process.argv.includes('--check')) {
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  process.stderr.write('man/hmm-sim.1 is not current: node scripts/man-page.js writes it\n');
  process.exitCode = 1;
}

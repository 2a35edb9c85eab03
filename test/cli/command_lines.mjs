// SPDX-License-Identifier: GPL-2.0-only
/** Runs command lines, one of JSON each on standard input, in this process, and tells of each what came: a line of JSON. */
import { readFileSync } from 'node:fs';
import { run } from '../../bundle/cli/main.js';

const lines = readFileSync(0, 'utf8').trimEnd().split('\n');
const tell = process.stdout.write.bind(process.stdout);
let told = { out: '', err: '' };
process.stdout.write = (text) => {
  told.out += text;
  return true;
};
process.stderr.write = (text) => {
  told.err += text;
  return true;
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

for (const line of lines) {
  told = { out: '', err: '' };
  process.exitCode = undefined;
  await run(JSON.parse(line));
  await turn();
  await turn();
  tell(`${JSON.stringify({ status: process.exitCode ?? 0, ...told })}\n`);
}
process.exitCode = 0;

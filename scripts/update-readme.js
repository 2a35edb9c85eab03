// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs the examples of README.md and other pages (those that are named, or all) and writes their real output below them. With --check it only says which
 * differ, and exits 1.
 *
 * Examples are "$ npx --no-install hmm-sim ..." lines in blocks marked `console`, and blocks marked `js`, whose output is the
 * next block marked `text`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Pages whose examples are run. */
const PAGES = ['README.md', 'docs/DRIVERS.md', 'docs/PORTING.md', 'docs/TOUR.md'];

/**
 * @param {string} command
 * @param {string[]} args
 */
function output(command, args) {
  const env = { ...process.env, FORCE_COLOR: undefined, NODE_OPTIONS: undefined };
  const { stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', env });
  return stdout + stderr;
}

/** @param {string} block */
function runSessions(block) {
  const commands = block.match(/^\$ .*$/gm) ?? [];
  const ran = commands.map((line) => {
    const command = line
      .slice(2)
      .replaceAll('npx --no-install hmm-sim', `"${process.execPath}" bin/hmm-sim.js`);
    return `${line}\n${output('sh', ['-c', command])}`;
  });
  return ran.join('');
}

/** @param {string} program */
function runProgram(program) {
  // Inside of the project, where the package can import itself by name.
  const directory = mkdtempSync(`${root}.readme-`);
  try {
    writeFileSync(`${directory}/example.mjs`, program);
    return output(process.execPath, [`${directory}/example.mjs`]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * Return: is the page as it was?
 * @param {string} page
 * @param {boolean} isCheck
 */
function update(page, isCheck) {
  const before = readFileSync(`${root}${page}`, 'utf8');
  let program = '';
  const after = before.replace(/^```(console|js|text)\n([\s\S]*?)^```$/gm, (_, language, block) => {
    if (language === 'js') program = block;
    const shown = { console: () => runSessions(block), js: () => block, text: () => runProgram(program) }[
      language
    ];
    const text = shown();
    if (text !== block) process.stdout.write(`${page}: this example differs from what it does:\n${text}\n`);
    return `\`\`\`${language}\n${text}\`\`\``;
  });
  if (!isCheck) writeFileSync(`${root}${page}`, after);
  return after === before;
}

const args = process.argv.slice(2);
const isCheck = args.includes('--check');
const named = args.filter((arg) => arg !== '--check');
const same = (named.length > 0 ? named : PAGES).map((page) => update(page, isCheck));
if (isCheck && same.includes(false)) process.exitCode = 1;

// SPDX-License-Identifier: GPL-2.0-only
/** `node bench/lib/count-words.js ARGS` runs `hmm-sim ARGS` and prints how many words its user programs handled. */
import { pathToFileURL } from 'node:url';
import { Program } from '../../dist/user/program.js';
import { hmmSim } from './measure.js';

let words = 0;

/** @param {'storeSeq' | 'checkSeq'} name */
function count(name) {
  const original = /** @type {any} */ (Program.prototype)[name];
  /** @this {Program} @param {number} addr @param {number} length @param {number} first @param {number} step */
  function counted(addr, length, first, step) {
    words += length;
    return original.call(this, addr, length, first, step);
  }
  /** @type {any} */ (Program.prototype)[name] = counted;
}

count('storeSeq');
count('checkSeq');
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true;
process.on('exit', () => {
  write(`${JSON.stringify({ words })}\n`);
  // Of a suite in which a test fails, the words count as well.
  process.exitCode = 0;
});
process.argv[1] = hmmSim;
await import(pathToFileURL(hmmSim).href);

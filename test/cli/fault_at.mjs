// SPDX-License-Identifier: GPL-2.0-only
/**
 * Preloaded into a command: its n-th call of node:fs that changes something fails with an error, or the process is killed
 * there, as SIGKILL and power cuts do, in the middle of a write. So the moment depends on the command alone, and not on how
 * fast the host is. In the query of this URL: `at` (0 is never), `how` (kill, or an errno), `only` (a name of a call),
 * `path` (how the file's name ends), and `count`, a file that gets how many there were.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const query = new URL(import.meta.url).searchParams;
const at = Number(query.get('at') ?? 0);
const how = query.get('how');
const only = query.get('only');
const path = query.get('path') ?? '';
const { writeSync, writeFileSync } = fs;
let calls = 0;

const CALLS = [
  'writeSync',
  'appendFileSync',
  'fsyncSync',
  'renameSync',
  'truncateSync',
  'linkSync',
  'mkdirSync',
  'rmSync',
];

/** Half of the bytes have arrived. */
function halfWay(name, [fd, data, from]) {
  if (name !== 'writeSync') return;
  const rest = Buffer.from(data).subarray(typeof from === 'number' ? from : 0);
  writeSync(fd, rest, 0, rest.length >> 1);
}

function strike(name, args) {
  if (how === 'kill') {
    halfWay(name, args);
    process.kill(process.pid, 'SIGKILL');
  }
  throw Object.assign(new Error(`${how}: injected, ${name}`), { code: how, syscall: name });
}

function watch(name) {
  const call = fs[name];
  fs[name] = function (...args) {
    const isMeant = (only === null || only === name) && (path === '' || String(args[0]).endsWith(path));
    if (isMeant && ++calls === at) strike(name, args);
    return call.apply(this, args);
  };
}

if (isMainThread) {
  CALLS.forEach(watch);
  const opened = fs.openSync;
  fs.openSync = function (file, flags, ...rest) {
    const writes = typeof flags === 'string' && flags !== 'r';
    if (writes && (only === null || only === 'openSync') && String(file).endsWith(path) && ++calls === at) {
      strike('openSync', [file]);
    }
    return opened.call(this, file, flags, ...rest);
  };
  syncBuiltinESMExports();
  const count = query.get('count');
  if (count !== null) process.on('exit', () => writeFileSync(count, String(calls)));
}

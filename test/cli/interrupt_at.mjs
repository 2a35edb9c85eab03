// SPDX-License-Identifier: GPL-2.0-only
/**
 * Preloaded into a command: sends it a signal when it first writes a text, on a terminal or at the end of a file. So what is
 * finished by then depends on the command alone, and not on how fast the host is. Text and signal are in the query of this URL.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const query = new URL(import.meta.url).searchParams;
const wanted = query.get('text');
let pressed = false;

function watched(object, name, textOf) {
  const write = object[name];
  object[name] = function (...args) {
    const answer = write.apply(this, args);
    if (!pressed && String(textOf(args)).includes(wanted)) {
      pressed = true;
      process.kill(process.pid, query.get('signal'));
    }
    return answer;
  };
}

watched(process.stdout, 'write', ([text]) => text);
watched(process.stderr, 'write', ([text]) => text);
watched(fs, 'appendFileSync', ([, text]) => text);
syncBuiltinESMExports();

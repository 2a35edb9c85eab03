#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// What Node has to say of itself (experiments, options of other programs) is not for who runs hmm-sim.
process.removeAllListeners('warning');

const main = new URL('../bundle/cli/main.js', import.meta.url);
if (existsSync(main)) {
  try {
    const { run } = await import(main.href);
    await run(process.argv.slice(2));
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const [missing] = error.message.split(' imported from ');
    const root = fileURLToPath(new URL('..', import.meta.url));
    process.stderr.write(`hmm-sim: incomplete install: ${missing}: run "npm ci" in ${root}\n`);
    process.exitCode = 70;
  }
} else {
  process.stderr.write(
    'hmm-sim: not built yet: run "npm ci" in the clone (or "npm run build" after a change)\n',
  );
  process.exitCode = 70;
}

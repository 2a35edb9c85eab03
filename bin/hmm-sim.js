#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main.href);
  await run(process.argv.slice(2));
} else {
  process.stderr.write(
    'hmm-sim: not built yet: run "npm ci" in the clone (or "npm run build" after a change)\n',
  );
  process.exitCode = 70;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Preloaded into a measured program: writes its peak memory, in kB, to descriptor 3 when it ends. */
import { writeSync } from 'node:fs';

process.on('exit', () => {
  writeSync(3, String(process.resourceUsage().maxRSS));
});

// SPDX-License-Identifier: GPL-2.0-only
/** Files of the package in what users paste: scenarios of bugs are named from its root, and whoever works elsewhere needs the way there. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUGS = 'test/bugs/';

/** Beside bundle, and beside src. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `text` with paths of scenarios of bugs as they are to be given in the working directory. */
export function asPastedHere(text: string): string {
  if (existsSync(BUGS)) return text;
  return text.replace(/(^|\s)test\/bugs\//g, `$1${ROOT}${BUGS}`);
}

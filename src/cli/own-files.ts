// SPDX-License-Identifier: GPL-2.0-only
/** Files of the package in what users paste: scenarios of bugs are named from its root, and whoever works elsewhere needs the way there. */
import { existsSync } from 'node:fs';
import { packageFile } from './package-file.js';
import { quoted } from './quoted.js';

const BUGS = 'test/bugs/';

/** `text` with paths of scenarios of bugs as they are to be given in the working directory. */
export function asPastedHere(text: string): string {
  if (existsSync(BUGS)) return text;
  return text.replace(
    /(^|\s)(test\/bugs\/[\w.-]*)/g,
    (_, before: string, name: string) => before + quoted(packageFile(name)),
  );
}

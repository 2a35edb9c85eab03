// SPDX-License-Identifier: GPL-2.0-only
/** Where this package's own files are: beside bundle, dist and src alike. */
import { fileURLToPath } from 'node:url';

/** `name` is told from the package's root. */
export const packageFile = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

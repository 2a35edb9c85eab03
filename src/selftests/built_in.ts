// SPDX-License-Identifier: GPL-2.0-only
/** The suites that are known by a name, beside the kernel's own. */
import type { Suite } from './fixture.js';
import { kfdtest } from './kfdtest/suites.js';

export const builtInSuites: Readonly<Record<string, Suite>> = { kfdtest };

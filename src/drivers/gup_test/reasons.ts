// SPDX-License-Identifier: GPL-2.0-only
/** Why gup_test pins nothing. */
import type { ReasonTable } from '../../mm/reasons.js';

interface GupTestReasons {
  'already-pinned': Readonly<Record<never, never>>;
}

declare module '../../mm/reasons.js' {
  interface Reasons extends GupTestReasons {}
}

export const gupTestReasons: ReasonTable<GupTestReasons> = {
  'already-pinned': {
    about: 'page',
    text: 'gup_test has pages pinned already, and pins one range at a time',
  },
};

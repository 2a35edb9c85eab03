// SPDX-License-Identifier: GPL-2.0-only
/** Why test_hmm leaves a page alone. */
import type { ReasonTable } from '../../mm/reasons.js';

type None = Readonly<Record<never, never>>;

interface DmirrorReasons {
  'already-in-device': None;
  'device-full': None;
  'no-small-pages': None;
  'chunk-result-inverted': None;
  'no-backing-memory': None;
  'only-private-returns': None;
  'not-a-device-page': None;
  'made-to-fail': None;
  'no-system-memory': None;
  'page-read-only': None;
}

declare module '../../mm/reasons.js' {
  interface Reasons extends DmirrorReasons {}
}

export const dmirrorReasons: ReasonTable<DmirrorReasons> = {
  'already-in-device': { about: 'device', text: 'page already in device' },
  'device-full': { about: 'page', text: 'device full' },
  'no-small-pages': {
    about: 'page',
    text: 'no small page: a huge one came first, so that the device was cut into huge pages, and there is no room for more',
  },
  'chunk-result-inverted': { about: 'page', text: 'a new chunk counts as a failure' },
  'no-backing-memory': { about: 'page', text: 'no system memory to back it' },
  'only-private-returns': { about: 'page', text: 'only private pages come back' },
  'not-a-device-page': { about: 'page', text: 'not a device page' },
  'made-to-fail': { about: 'page', text: 'allocation made to fail (HMM_DMIRROR_FLAG_FAIL_ALLOC)' },
  'no-system-memory': { about: 'page', text: 'no system memory' },
  'page-read-only': { about: 'page', text: 'the page is read-only' },
};

// SPDX-License-Identifier: GPL-2.0-only
/** What a generation is: data. Code asks for a behaviour by name, never for a generation's id. */

import type { DmirrorUapi } from '../uapi/test_hmm_uapi.js';
import type { Behaviours } from './behaviours/index.js';

export type SuiteId = 'v5-generic' | 'v4-coherent' | '6.x';

export interface Generation {
  /** What --kernel takes. */
  readonly id: string;
  readonly title: string;
  /** What `uname -r` would say, for reports. */
  readonly release: string;
  readonly uapi: DmirrorUapi;
  readonly suite: SuiteId;
  /** The kselftest harness: "6.1" is older (no filters, one test case more, silent SKIP in a setup). */
  readonly harness: '6.1' | '6.12';
  /** Minor numbers that the module can have. */
  readonly ndevices: number;
  readonly behaviours: Behaviours;
  /** Symbols that an oops names where the compiler inlined a static function, by the function that dies. */
  readonly symbols: Readonly<Record<string, string>>;
  readonly moduleDescription: string | null;
}

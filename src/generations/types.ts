// SPDX-License-Identifier: GPL-2.0-only
/** What a generation is: data. Code asks for a behaviour by name, never for a generation's id. */

import type { DmirrorUapi } from '../uapi/test_hmm_uapi.js';
import type { Behaviours } from './behaviours/index.js';

/**
 * hmm-tests of DEVICE_GENERIC, of COHERENT as it was posted, or as released; in 7.x with huge device pages. Of v25, and of the
 * nodes before it, tests of our own.
 */
export type SuiteId = 'node' | 'mirror' | 'generic' | 'coherent' | 'released' | 'released-7';

/**
 * The oldest kselftest harness has no filters, one test case more, and a silent SKIP in a setup; in the newest a failed
 * ASSERT ends its process, and there are debug prints.
 */
export type HarnessId = 'without-filters' | 'with-filters' | 'with-debug';

export interface Generation {
  /** What --kernel takes. */
  readonly id: string;
  readonly title: string;
  /** Of the memory core: what behaviours and names are resolved from. */
  readonly version: string;
  /** What `uname -r` would say, for reports. */
  readonly release: string;
  readonly uapi: DmirrorUapi;
  readonly suite: SuiteId;
  readonly harness: HarnessId;
  /** The module that its suite tests and documents load, where that is not test_hmm. */
  readonly testModule?: string;
  /** NUMA nodes that its machines have at least, the last of them a device's; 1 unless told. */
  readonly nodes?: number;
  /** Minor numbers that the module can have. */
  readonly ndevices: number;
  readonly behaviours: Behaviours;
  /** Symbols that an oops names where the compiler inlined a static function, by the function that dies. */
  readonly symbols: Readonly<Record<string, string>>;
  readonly moduleDescription: string | null;
}

// SPDX-License-Identifier: GPL-2.0-only
/** Which tests of the suite see a bug, and on which kernel. */
import { readFileSync } from 'node:fs';
import { load } from '../../src/scenario/load.js';

/** What fails with the bug; all else passes or is skipped. */
export const FAILURES: Readonly<Record<string, readonly string[]>> = {
  'generic-forced-private': ['hmm2.snapshot'],
  'ioctl-4-collision': ['hmm.migrate_multiple', 'hmm2.snapshot'],
  'stale-foll-longterm': ['hmm.hmm_device_private.hmm_gup_test', 'hmm.hmm_device_coherent.hmm_gup_test'],
  'mixedmap-rejected': ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
  'foreign-private-refused': ['hmm2.hmm2_device_private.double_map'],
  'private-subpage-from-entry': [
    'hmm.hmm_device_private.migrate_release',
    'hmm.hmm_device_private.hmm_cow_in_device',
  ],
};

export function kernelOf(id: string): string {
  const file = `test/bugs/${id}.yaml`;
  return load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!.document.kernel!;
}

// SPDX-License-Identifier: GPL-2.0-only
/** What the dummy driver of HMM v25 is asked beside the commands that test_hmm has had since: faults alone. */
import { DmirrorStruct } from './dmirror_cmd.js';
import { IOWR_H } from './test_hmm_uapi.js';

export const hmm_dmirror_cmd = new DmirrorStruct();

/** Pages for the device to read, and to write. */
export const HMM_DMIRROR_FAULT = IOWR_H(5, hmm_dmirror_cmd.size);
export const HMM_DMIRROR_FAULT_WRITE = IOWR_H(6, hmm_dmirror_cmd.size);

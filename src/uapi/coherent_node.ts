// SPDX-License-Identifier: GPL-2.0-only
/** The requests of a coherent device node, by numbers of ours: what mbind() and move_pages() do for ranges of the caller. */
import { DRIVER_RANGE_BYTES, driverAnswer } from './driver_range.js';

export const COHERENT_NODE_FILE = '/dev/coherent_node';

const iowr = (nr: number): number => (0xc0000000 + DRIVER_RANGE_BYTES * 0x10000 + 0x4e00 + nr) >>> 0;

export const coherentNodeRequests = {
  /** Fault pages that are missing in, with MPOL_BIND to the node. */
  BIND: iowr(0),
  MOVE_TO_NODE: iowr(1),
  MOVE_TO_SYSTEM: iowr(2),
  /** How many pages of the range are on the node. */
  COUNT: iowr(3),
} as const;

export type CoherentNodeRequest = keyof typeof coherentNodeRequests;

export const coherentNodeAnswer = (bytes: Uint8Array): { readonly cpages: number } => ({
  cpages: driverAnswer(bytes).done,
});

// SPDX-License-Identifier: GPL-2.0-only
/** The requests of a coherent device node, by numbers of ours. */
import { DRIVER_RANGE_BYTES, driverAnswer } from './driver_range.js';

export const COHERENT_NODE_FILE = '/dev/coherent_node';

const iowr = (nr: number): number => (0xc0000000 + DRIVER_RANGE_BYTES * 0x10000 + 0x4e00 + nr) >>> 0;

export const coherentNodeRequests = {
  /** The driver moves pages there, whoever maps them, and back. */
  MOVE_TO_NODE: iowr(1),
  MOVE_TO_SYSTEM: iowr(2),
  /** The device reads and writes at the addresses of the caller. */
  READ: iowr(4),
  WRITE: iowr(5),
} as const;

export type CoherentNodeRequest = keyof typeof coherentNodeRequests;

export const coherentNodeAnswer = (bytes: Uint8Array): { readonly cpages: number } => ({
  cpages: driverAnswer(bytes).done,
});

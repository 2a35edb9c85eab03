// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/uapi/linux/mempolicy.h: modes and flags of memory policies. */

export const MPOL_DEFAULT = 0;
export const MPOL_PREFERRED = 1;
export const MPOL_BIND = 2;
export const MPOL_INTERLEAVE = 3;
export const MPOL_LOCAL = 4;

/** mbind(): what is elsewhere already is an error, or moves; also where others map it. */
export const MPOL_MF_STRICT = 1;
export const MPOL_MF_MOVE = 2;
export const MPOL_MF_MOVE_ALL = 4;

/** get_mempolicy(): a node instead of a mode; of an address. */
export const MPOL_F_NODE = 1;
export const MPOL_F_ADDR = 2;

/** Bits of a mask of nodes (MAX_NUMNODES). */
export const MAX_NUMNODES = 1024;

/** The words of a mask, 64 bits each, as the calls read it. */
export function encodeNodes(nodes: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(MAX_NUMNODES / 8);
  for (const nid of nodes) bytes[nid >> 3]! |= 1 << (nid & 7);
  return bytes;
}

/** A mask of one word, and what the calls are told of its length: one bit more. */
export const encodeNodeWord = (nodes: readonly number[]): Uint8Array => encodeNodes(nodes).subarray(0, 8);
export const NODE_WORD_BITS = 65;

/** The numbers of the bits that are set, in ascending order. */
export function decodeNodes(bytes: Uint8Array): number[] {
  const nodes: number[] = [];
  bytes.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) nodes.push(at * 8 + bit);
  });
  return nodes;
}

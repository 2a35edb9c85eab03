// SPDX-License-Identifier: GPL-2.0-only
/**
 * Flags of allocations, and what tracepoints call them. Answers for: include/linux/gfp_types.h, include/trace/events/mmflags.h,
 * as far as names stand for the same bits in every generation.
 */

const HIGHMEM = 0x02;
const MOVABLE = 0x08;
const IO = 0x40;
const FS = 0x80;
const DIRECT_RECLAIM = 0x400;
const KSWAPD_RECLAIM = 0x800;
const NOWARN = 0x2000;
const COMP = 0x4_0000;
const NOMEMALLOC = 0x8_0000;
const HARDWALL = 0x10_0000;
const ACCOUNT = 0x40_0000;

const RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM;
const GFP_NOFS = RECLAIM | IO;
const GFP_KERNEL = GFP_NOFS | FS;
const GFP_USER = GFP_KERNEL | HARDWALL;
export const GFP_HIGHUSER = GFP_USER | HIGHMEM;
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | MOVABLE;
const GFP_TRANSHUGE_LIGHT = (GFP_HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM;
export const GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | DIRECT_RECLAIM;
export const __GFP_COMP = COMP;

/** In the order in which they are looked for. */
export const GFP_NAMES: readonly (readonly [flags: number, name: string])[] = [
  [GFP_TRANSHUGE, 'GFP_TRANSHUGE'],
  [GFP_TRANSHUGE_LIGHT, 'GFP_TRANSHUGE_LIGHT'],
  [GFP_HIGHUSER_MOVABLE, 'GFP_HIGHUSER_MOVABLE'],
  [GFP_HIGHUSER, 'GFP_HIGHUSER'],
  [GFP_USER, 'GFP_USER'],
  [GFP_KERNEL | ACCOUNT, 'GFP_KERNEL_ACCOUNT'],
  [GFP_KERNEL, 'GFP_KERNEL'],
  [GFP_NOFS, 'GFP_NOFS'],
  [RECLAIM, 'GFP_NOIO'],
  [HIGHMEM, '__GFP_HIGHMEM'],
  [0x20, '__GFP_HIGH'],
  [IO, '__GFP_IO'],
  [FS, '__GFP_FS'],
  [NOWARN, '__GFP_NOWARN'],
  [0x4000, '__GFP_RETRY_MAYFAIL'],
  [0x8000, '__GFP_NOFAIL'],
  [0x1_0000, '__GFP_NORETRY'],
  [COMP, '__GFP_COMP'],
  [0x100, '__GFP_ZERO'],
  [NOMEMALLOC, '__GFP_NOMEMALLOC'],
  [HARDWALL, '__GFP_HARDWALL'],
  [MOVABLE, '__GFP_MOVABLE'],
  [ACCOUNT, '__GFP_ACCOUNT'],
  [DIRECT_RECLAIM, '__GFP_DIRECT_RECLAIM'],
  [KSWAPD_RECLAIM, '__GFP_KSWAPD_RECLAIM'],
];

/** As __print_flags() has them: each name whose bits are all there takes them away from what is left. */
export function gfpText(flags: number): string {
  const names: string[] = [];
  let left = flags;
  for (const [bits, name] of GFP_NAMES) {
    if ((left & bits) !== bits) continue;
    names.push(name);
    left &= ~bits;
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`);
  return names.length === 0 ? 'none' : names.join('|');
}

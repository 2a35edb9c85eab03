// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the kernel's work costs, in simulated nanoseconds, the same for all generations. docs/ARCHITECTURE.md, "Time and
 * tasks", says which of these are fitted to recorded figures, and which are guesses. Nothing that a scenario answers
 * depends on them; what counts is which of two ways is the shorter one.
 */

/** A system call, an ioctl as any other: into the kernel and back. */
export const COST_SYSCALL = 200;
/** A page fault, without the page that it may allocate. */
export const COST_FAULT = 500;
/** A page that a walk, an access or get_user_pages() comes by. */
export const COST_PAGE = 50;
/** 4 KiB set to zero, as every page is when it is allocated. */
export const COST_CLEAR = 150;
/** 4 KiB copied. */
export const COST_COPY = 300;
/** A request to a disk, without what it copies. */
export const COST_DISK = 100_000;
/** A folio that migrates, small or huge alike: locked, unmapped, replaced, mapped and unlocked. */
export const COST_MIGRATE = 1100;
/** A folio taken off the LRU lists. */
export const COST_ISOLATE = 110;
/** One flush of cached translations, however long its range. */
export const COST_FLUSH = 100;
/** What a huge mapping costs beyond a small one when it becomes a migration entry or 512 small mappings. */
export const COST_HUGE = 5000;
/** What achieves nothing and will be tried again, as reclaim without anything to reclaim: time limits come soon. */
export const COST_FRUITLESS = 1_000_000;
/** A tick (CONFIG_HZ 250): what waits for others looks again after one. */
export const COST_TICK = 4_000_000;

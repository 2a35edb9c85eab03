// SPDX-License-Identifier: GPL-2.0-only
/** What the kernel log of a machine says about WARN()s, and about what drivers from outside did wrong. */

const WARNING = 'WARNING: ';

/** "function: message" of each WARN() in the kernel log, in its order. */
export function warningTexts(dmesg: readonly string[]): string[] {
  return dmesg.flatMap((line) => (line.startsWith(WARNING) ? line.slice(WARNING.length) : []));
}

/** What the log says before the function and the reason of an oops that came of a driver from outside of the tree. */
export const OOPS = 'BUG: ';

/** The last line of a machine that was booted with oops=panic. */
export const PANIC = 'Kernel panic - not syncing: Fatal exception';

/** "BUG: function: reason", where a driver from outside made the kernel oops. */
export function oopsesIn(dmesg: readonly string[]): string[] {
  return dmesg.filter((line) => line.startsWith(OOPS));
}

/** Their functions alone. */
export function warningsIn(dmesg: readonly string[]): string[] {
  return warningTexts(dmesg).map((text) => text.split(':', 1)[0]!);
}

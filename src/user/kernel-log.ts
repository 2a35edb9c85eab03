// SPDX-License-Identifier: GPL-2.0-only
/** What the kernel log of a machine says about WARN()s. */

const WARNING = 'WARNING: ';

/** "function: message" of each WARN() in the kernel log, in its order. */
export function warningTexts(dmesg: readonly string[]): string[] {
  return dmesg.flatMap((line) => (line.startsWith(WARNING) ? line.slice(WARNING.length) : []));
}

/** Their functions alone. */
export function warningsIn(dmesg: readonly string[]): string[] {
  return warningTexts(dmesg).map((text) => text.split(':', 1)[0]!);
}

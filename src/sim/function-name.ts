// SPDX-License-Identifier: GPL-2.0-only
/** What the source calls a function that a stack names. */

/** Of two functions or classes of one name in a room, one has "$1" behind it where rooms are bundled. */
export function sourceName(name: string): string {
  return name.replace(/\$\d+(?=\.|$)/g, '');
}

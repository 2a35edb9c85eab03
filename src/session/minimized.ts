// SPDX-License-Identifier: GPL-2.0-only
/** Delta debugging of lists: the least of one of which something still holds. */

/** `all`, of which `holds` is true, less whatever can be left out. */
export function minimized<T>(all: readonly T[], holds: (some: readonly T[]) => boolean): readonly T[] {
  let kept = all;
  for (let size = Math.ceil(kept.length / 2); ; size = Math.max(1, Math.floor(size / 2))) {
    const before = kept.length;
    for (const from of kept.filter((_, n) => n % size === 0)) {
      const start = kept.indexOf(from);
      const rest = start < 0 ? kept : [...kept.slice(0, start), ...kept.slice(start + size)];
      if (rest.length < kept.length && holds(rest)) kept = rest;
    }
    if (size === 1 && kept.length === before) return kept;
  }
}

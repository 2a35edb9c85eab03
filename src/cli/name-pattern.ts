// SPDX-License-Identifier: GPL-2.0-only
/** Names chosen by a pattern: with `*` or `?` it must match all of the name, otherwise be a part of it. */

/** Every `*` but the last has matched as little as it can: giving it more later gains nothing. */
function matches(pattern: readonly string[], name: readonly string[]): boolean {
  let [at, from, star] = [0, 0, -1];
  for (let i = 0; i < name.length; ) {
    if (pattern[at] === '*') [star, from] = [at++, i];
    else if (pattern[at] === '?' || pattern[at] === name[i]) [at, i] = [at + 1, i + 1];
    else if (star < 0) return false;
    else [at, i, from] = [star + 1, from + 1, from + 1];
  }
  return pattern.slice(at).every((character) => character === '*');
}

export function namePattern(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern);
  const characters = [...pattern];
  return (name) => matches(characters, [...name]);
}

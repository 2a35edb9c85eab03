// SPDX-License-Identifier: GPL-2.0-only
/** Versions of Linux, and since which of them something holds. */

/**
 * Since when: first the release of the main line, then, for stable series below it, the release that it was backported
 * to. ['6.15', '6.12.117', '6.1.192']: from 6.15 on, in 6.12.y from .117 on, in 6.1.y from .192 on. A backport's number
 * is that of the first release known to have it. Empty: in no release.
 */
export type Versions = readonly string[];

/** In no release. */
export const NEVER = [] as const satisfies Versions;

type Triple = readonly [major: number, minor: number, stable: number];

function parse(version: string): Triple {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?$/.exec(version);
  if (match === null) throw new Error(`"${version}" is no version of Linux`);
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Below 0 where `a` is older than `b`, above 0 where it is newer. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [parse(a), parse(b)];
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
}

function sameSeries(a: string, b: string): boolean {
  const [x, y] = [parse(a), parse(b)];
  return x[0] === y[0] && x[1] === y[1];
}

/** Does `version` have what came with `since`? */
export function holds(version: string, [release, ...backports]: Versions): boolean {
  if (release === undefined) return false;
  if (compareVersions(version, release) >= 0) return true;
  return backports.some((to) => sameSeries(version, to) && compareVersions(version, to) >= 0);
}

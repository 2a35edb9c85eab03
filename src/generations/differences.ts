// SPDX-License-Identifier: GPL-2.0-only
/** In which behaviours two kernels differ, which release made each otherwise, and kernels in between. */
import { type Entry, type Origin, type Resolvable, valueIn } from './behaviours/entry.js';
import { type BehaviourName, type Behaviours, behaviourNames, registry } from './behaviours/index.js';
import { withIoctls } from './ioctls.js';
import type { Generation } from './types.js';
import { compareVersions } from './version.js';

const entries: Readonly<Record<BehaviourName, Entry>> = registry;

/** A behaviour of which two kernels have different values. */
export interface Change {
  readonly behaviour: BehaviourName;
  /** One line: what holds where it is true. */
  readonly what: string;
  /** Kernel file and function that decides. */
  readonly source: string;
  readonly from: boolean | number;
  readonly to: boolean | number;
  /** The release that changed it; null where it is of a posted series alone. */
  readonly version: string | null;
  /** It changed in that release or in one before it, but after the older of the two kernels. */
  readonly by?: true;
  readonly witness: Entry['witness'];
}

/** Names in the order of the registry. */
export function differingBehaviours(a: Generation, b: Generation): BehaviourName[] {
  return behaviourNames.filter((name) => a.behaviours[name] !== b.behaviours[name]);
}

/** Every release at which the entry may change. */
function boundaries(entry: Resolvable): string[] {
  if ('values' in entry) return [...entry.since];
  const { since = [], until = [], except } = entry;
  return [...since, ...until, ...(except === undefined ? [] : [...except.since, ...except.until])];
}

/** The first release behind the older kernel from which on the entry is as it is in the newer one. */
function releaseOf(entry: Resolvable, older: Origin, newer: Origin): string | null {
  const value = valueIn(entry, { version: newer.version });
  const between = boundaries(entry)
    .filter((v) => compareVersions(v, older.version) > 0 && compareVersions(v, newer.version) <= 0)
    .sort(compareVersions);
  const last = between.findLastIndex((version) => valueIn(entry, { version }) !== value);
  return between[last + 1] ?? null;
}

function changeOf(behaviour: BehaviourName, a: Generation, b: Generation): Change {
  const entry = entries[behaviour];
  const [older, newer] = compareVersions(a.version, b.version) <= 0 ? [a, b] : [b, a];
  const version = releaseOf(entry, older, newer);
  const by = version !== null && entry.by === version;
  const { what, source, witness } = entry;
  const [from, to] = [a.behaviours[behaviour], b.behaviours[behaviour]];
  return { behaviour, what, source, from, to, version, ...(by ? { by } : {}), witness };
}

/** All in which `b` differs from `a`, in the order of the registry. */
export function changesBetween(a: Generation, b: Generation): Change[] {
  return differingBehaviours(a, b).map((name) => changeOf(name, a, b));
}

/** "since 6.15", "by 7.3", "of a posted series". */
export function whenText({ version, by }: Pick<Change, 'version' | 'by'>): string {
  if (version === null) return 'of a posted series';
  return by ? `by ${version}` : `since ${version}`;
}

/** `generation` with other values of some behaviours, and the ioctls that follow from them: a kernel that never was. */
export function withBehaviours(generation: Generation, values: Partial<Behaviours>): Generation {
  const behaviours: Behaviours = { ...generation.behaviours, ...values };
  return { ...generation, behaviours, uapi: withIoctls(generation.uapi, behaviours) };
}

/**
 * `generation` with `values` as withBehaviours() has it, and `asked` gets the name of each behaviour that its kernel asks for, in the
 * order in which it first asks.
 */
export function askedBehaviours(
  generation: Generation,
  values: Partial<Behaviours>,
  asked: Set<BehaviourName>,
): Generation {
  const plain = withBehaviours(generation, values);
  const behaviours = {} as Behaviours;
  for (const name of behaviourNames) {
    const value = plain.behaviours[name];
    Object.defineProperty(behaviours, name, {
      enumerable: true,
      get() {
        asked.add(name);
        return value;
      },
    });
  }
  // Which ioctls there are is asked once for all.
  return { ...plain, behaviours, uapi: withIoctls(generation.uapi, behaviours) };
}

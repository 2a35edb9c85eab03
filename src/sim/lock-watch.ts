// SPDX-License-Identifier: GPL-2.0-only
/** Who holds which lock, and who sleeps for which: kept only while somebody asks for it (`executor.locks`). */
import type { SimTask, WaitQueue } from './executor.js';

export type LockMode = 'read' | 'write' | '';

/** A lock, or the page that has one. */
type LockKey = object | number;

export interface Held {
  readonly lock: string;
  /** Empty for locks that know no modes. */
  readonly mode: LockMode;
}

/** A task, where it is, what it holds, and what it waits for. */
export interface Standing {
  readonly task: SimTask;
  readonly where: string;
  readonly holds: readonly Held[];
  /** The lock that it sleeps for, and who has it; undefined where it waits for something else, or for nothing. */
  readonly wants?: { readonly lock: string; readonly from: readonly (Held & { readonly task: SimTask })[] };
}

/** Sleeps that are kept; more of them tell nothing new. */
const MAX_SLEEPS = 64;

interface Owned extends Held {
  readonly task: SimTask;
}

export class LockWatch {
  /** Most have one owner; a list of that alone would be made for every page of a migration. */
  readonly #owned = new Map<LockKey, Owned | Owned[]>();
  #sleeps: Standing[] = [];

  taken(task: SimTask | null, key: LockKey, lock: string, mode: LockMode = ''): void {
    if (task === null) return;
    const owners = this.#owned.get(key);
    const owned = { task, lock, mode };
    this.#owned.set(key, owners === undefined ? owned : [owners, owned].flat());
  }

  /** The holder gives it back; of a page lock that may be another task than the one that took it. */
  dropped(task: SimTask | null, key: LockKey): void {
    const owners = this.#owned.get(key);
    if (!Array.isArray(owners)) {
      this.#owned.delete(key);
      return;
    }
    const own = owners.findLastIndex((one) => one.task === task);
    owners.splice(own, 1);
    if (owners.length === 0) this.#owned.delete(key);
  }

  /** The running task is about to sleep. */
  sleeps(task: SimTask | null, queue: WaitQueue, where: string): void {
    if (task === null || this.#sleeps.length === MAX_SLEEPS) return;
    const standing = this.standing(task, queue, where);
    if (standing.holds.length > 0 || standing.wants !== undefined) this.#sleeps.push(standing);
  }

  /** The sleeps since the last time that had to do with a lock. */
  takeSleeps(): readonly Standing[] {
    const sleeps = this.#sleeps;
    this.#sleeps = [];
    return sleeps;
  }

  standing(task: SimTask, queue: WaitQueue | null, where: string): Standing {
    const holds = [...this.#owned.values()]
      .flat()
      .filter((one) => one.task === task)
      .map(({ lock, mode }) => ({ lock, mode }));
    if (queue === null || queue.lock === null) return { task, where, holds };
    const { key, name } = queue.lock;
    const from = [this.#owned.get(key) ?? []].flat();
    return { task, where, holds, wants: { lock: name, from } };
  }
}

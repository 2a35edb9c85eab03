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
  readonly wants?: {
    readonly lock: string;
    readonly from: readonly (Held & { readonly task: SimTask })[];
    /** The page whose references it waits for: no task has them. */
    readonly page?: number;
  };
}

/** A task that takes a lock for which it may have to sleep, with what it holds then. */
export interface Asked {
  readonly task: SimTask;
  readonly where: string;
  readonly holds: readonly Held[];
  readonly mayWaitFor: string;
}

/** Sleeps that are kept; more of them tell nothing new. */
const MAX_SLEEPS = 64;

interface Owned extends Held {
  readonly task: SimTask;
}

/** Locks that nobody has any more are forgotten when there are more of them than of the others, and than this. */
const MAX_FORGOTTEN = 1024;

const ownersOf = (owners: Owned | Owned[] | null): Owned[] => [owners ?? []].flat();

export class LockWatch {
  /** Most have one owner; a list of that alone would be made for every page of a migration. */
  #owned = new Map<LockKey, Owned | Owned[] | null>();
  /** Entries of `#owned` that are null: V8 makes a new table for every few that are deleted, and keeps the old. */
  #forgotten = 0;
  /** What was taken last: most locks are taken as the one before. */
  #lastTaken: Owned | undefined;
  #sleeps: Standing[] = [];
  #asked = new Map<string, Asked>();

  /** `asks`: whether locks that might have to be waited for are kept too, though nobody had them. */
  constructor(private readonly asks = false) {}

  taken(task: SimTask | null, key: LockKey, lock: string, mode: LockMode = ''): void {
    if (task === null) return;
    const owners = this.#owned.get(key);
    const owned = this.#ownedBy(task, lock, mode);
    if (owners === null) this.#forgotten--;
    this.#owned.set(key, owners === undefined || owners === null ? owned : [owners, owned].flat());
  }

  #ownedBy(task: SimTask, lock: string, mode: LockMode): Owned {
    const last = this.#lastTaken;
    if (last?.task === task && last.lock === lock && last.mode === mode) return last;
    this.#lastTaken = { task, lock, mode };
    return this.#lastTaken;
  }

  /** The holder gives it back; of a page lock that may be another task than the one that took it. */
  dropped(task: SimTask | null, key: LockKey): void {
    const owners = this.#owned.get(key);
    if (owners === undefined || owners === null) return;
    if (!Array.isArray(owners)) {
      this.#forget(key);
      return;
    }
    const own = owners.findLastIndex((one) => one.task === task);
    owners.splice(own, 1);
    if (owners.length === 0) this.#forget(key);
  }

  #forget(key: LockKey): void {
    this.#owned.set(key, null);
    if (++this.#forgotten <= Math.max(MAX_FORGOTTEN, this.#owned.size / 2)) return;
    this.#owned = new Map([...this.#owned].filter(([, owners]) => owners !== null));
    this.#forgotten = 0;
  }

  /** Locks that are remembered, whether somebody has them or not. */
  get remembered(): number {
    return this.#owned.size;
  }

  /**
   * The running task is about to take a lock for which it would sleep if somebody had it. Kept once for each place and
   * what is held there; of pages just that they are locked, because there are many that come one after the other.
   */
  mayWait(task: SimTask | null, lock: string, where: string): void {
    if (!this.asks || task === null) return;
    const own = [...this.#owned].filter(([, owners]) => ownersOf(owners).some((one) => one.task === task));
    if (own.length === 0) return;
    const pages = own.filter(([key]) => typeof key === 'number').length;
    const others = own.flatMap(([key, owners]) =>
      typeof key === 'number' ? [] : ownersOf(owners).filter((one) => one.task === task),
    );
    const locked = pages === 1 ? 'a page lock' : 'page locks';
    const holds: Held[] = others.map(({ lock, mode }) => ({ lock, mode }));
    if (pages > 0) holds.push({ lock: locked, mode: '' });
    const key = JSON.stringify([task.id, lock, where, holds]);
    if (this.#asked.size < MAX_SLEEPS && !this.#asked.has(key)) {
      this.#asked.set(key, { task, where, holds, mayWaitFor: lock });
    }
  }

  /** The places since the last time where a task that had a lock might have had to wait for another one. */
  takeAsked(): readonly Asked[] {
    const asked = [...this.#asked.values()];
    this.#asked = new Map();
    return asked;
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
      .flatMap(ownersOf)
      .filter((one) => one.task === task)
      .map(({ lock, mode }) => ({ lock, mode }));
    if (queue === null || queue.lock === null) return { task, where, holds };
    const { key, name, page } = queue.lock;
    const from = [this.#owned.get(key) ?? []].flat();
    return { task, where, holds, wants: { lock: name, from, ...(page === undefined ? {} : { page }) } };
  }
}

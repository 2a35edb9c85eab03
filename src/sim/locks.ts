// SPDX-License-Identifier: GPL-2.0-only
/** Locks that know their holder. An uncontended lock costs no generator: try first, sleep only when it is held. */
import { KernelBug } from './errors.js';
import { type Executor, type SimTask, WaitQueue } from './executor.js';
import { done, type Task } from './task.js';

/** Mutual exclusion that may sleep (struct mutex). */
export class Mutex {
  private holder: SimTask | null = null;
  private held = false;
  private readonly waiters: WaitQueue;

  constructor(
    private readonly executor: Executor,
    private readonly name: string,
  ) {
    this.waiters = new WaitQueue({ key: this, name });
  }

  mutex_trylock(): boolean {
    this.executor.point('lock', this);
    return this.take();
  }

  private take(): boolean {
    if (this.held) return false;
    this.held = true;
    this.holder = this.executor.current;
    if (this.holder !== null) this.holder.heldLocks++;
    this.executor.locks?.taken(this.holder, this, this.name);
    return true;
  }

  /** Context: may sleep. */
  mutex_lock(where: string): Task {
    if (this.executor.locks !== null) this.executor.locks.mayWait(this.executor.current, this.name, where);
    if (this.executor.watched) return this.mutex_lock_slow(where);
    return this.take() ? done(undefined) : this.mutex_lock_slow(where);
  }

  private *mutex_lock_slow(where: string): Task {
    if (this.executor.watched) yield* this.executor.pointTask('lock', this, where);
    while (!this.take()) {
      if (this.holder !== null && this.holder === this.executor.current) {
        throw new KernelBug(where, `recursive locking of ${this.name}`);
      }
      yield* this.waiters.sleep(this.executor, where);
    }
  }

  mutex_unlock(): void {
    if (!this.held) throw new KernelBug('mutex_unlock', `${this.name} is not held`);
    this.held = false;
    if (this.holder !== null) this.holder.heldLocks--;
    this.executor.locks?.dropped(this.holder, this);
    this.holder = null;
    this.waiters.wakeAll(this.executor);
    this.executor.point('unlock', this);
  }
}

/** A reader-writer semaphore (struct rw_semaphore); a waiting writer holds off new readers. */
export class RwSem {
  private readers = 0;
  private writer: SimTask | null = null;
  private writeHeld = false;
  private waitingWriters = 0;
  private readonly waiters: WaitQueue;

  constructor(
    private readonly executor: Executor,
    private readonly name: string,
  ) {
    this.waiters = new WaitQueue({ key: this, name });
  }

  down_read_trylock(): boolean {
    this.executor.point('lock', this);
    return this.takeRead();
  }

  /** down_read() without a task, for paths where one would cost: false where it has to sleep, or be a schedule point. */
  down_read_fast(): boolean {
    return !this.executor.watched && this.takeRead();
  }

  private takeRead(): boolean {
    if (this.writeHeld || this.waitingWriters > 0) return false;
    this.readers++;
    const task = this.executor.current;
    if (task !== null) task.heldLocks++;
    this.executor.locks?.taken(task, this, this.name, 'read');
    return true;
  }

  /** Context: may sleep. */
  down_read(where: string): Task {
    if (this.executor.locks !== null) this.executor.locks.mayWait(this.executor.current, this.name, where);
    if (this.executor.watched) return this.down_read_slow(where);
    return this.takeRead() ? done(undefined) : this.down_read_slow(where);
  }

  private *down_read_slow(where: string): Task {
    if (this.executor.watched) yield* this.executor.pointTask('lock', this, where);
    while (!this.takeRead()) {
      this.assertNotWriter(where);
      yield* this.waiters.sleep(this.executor, where);
    }
  }

  up_read(): void {
    if (this.readers === 0) throw new KernelBug('up_read', `${this.name} is not held`);
    this.readers--;
    const task = this.executor.current;
    if (task !== null) task.heldLocks--;
    this.executor.locks?.dropped(task, this);
    if (this.readers === 0) this.waiters.wakeAll(this.executor);
    this.executor.point('unlock', this);
  }

  down_write_trylock(): boolean {
    this.executor.point('lock', this);
    return this.takeWrite();
  }

  private takeWrite(): boolean {
    if (this.writeHeld || this.readers > 0) return false;
    this.writeHeld = true;
    this.writer = this.executor.current;
    if (this.writer !== null) this.writer.heldLocks++;
    this.executor.locks?.taken(this.writer, this, this.name, 'write');
    return true;
  }

  /** Context: may sleep. */
  down_write(where: string): Task {
    if (this.executor.locks !== null) this.executor.locks.mayWait(this.executor.current, this.name, where);
    if (this.executor.watched) return this.down_write_slow(where);
    return this.takeWrite() ? done(undefined) : this.down_write_slow(where);
  }

  private *down_write_slow(where: string): Task {
    if (this.executor.watched) yield* this.executor.pointTask('lock', this, where);
    while (!this.takeWrite()) {
      this.assertNotWriter(where);
      this.waitingWriters++;
      yield* this.waiters.sleep(this.executor, where);
      this.waitingWriters--;
    }
  }

  up_write(): void {
    if (!this.writeHeld) throw new KernelBug('up_write', `${this.name} is not held`);
    this.writeHeld = false;
    if (this.writer !== null) this.writer.heldLocks--;
    this.executor.locks?.dropped(this.writer, this);
    this.writer = null;
    this.waiters.wakeAll(this.executor);
    this.executor.point('unlock', this);
  }

  /** The writer becomes a reader, without anybody between. */
  downgrade_write(): void {
    if (!this.writeHeld) throw new KernelBug('downgrade_write', `${this.name} is not held`);
    const { writer } = this;
    this.writeHeld = false;
    this.readers++;
    this.executor.locks?.dropped(writer, this);
    this.executor.locks?.taken(writer, this, this.name, 'read');
    this.writer = null;
    this.waiters.wakeAll(this.executor);
    this.executor.point('unlock', this);
  }

  get isLocked(): boolean {
    return this.writeHeld || this.readers > 0;
  }

  private assertNotWriter(where: string): void {
    if (this.writeHeld && this.writer !== null && this.writer === this.executor.current) {
      throw new KernelBug(where, `recursive locking of ${this.name}`);
    }
  }
}

/** A spinlock: never contended on one CPU, but sleeping under it is a bug. */
export class SpinLock {
  private held = false;

  constructor(
    private readonly executor: Executor,
    private readonly name: string,
  ) {}

  spin_lock(): void {
    if (this.held) throw new KernelBug('spin_lock', `recursive locking of ${this.name}`);
    this.executor.point('lock', this);
    this.held = true;
    this.executor.cpu.atomicDepth++;
  }

  spin_unlock(): void {
    if (!this.held) throw new KernelBug('spin_unlock', `${this.name} is not held`);
    this.held = false;
    this.executor.cpu.atomicDepth--;
    this.executor.point('unlock', this);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * A file that another thread writes, as long as it may. What has not reached the file is in memory that both threads see:
 * where the other one never comes back, this one writes the rest, and nothing is lost.
 */
import { getSystemErrorMap } from 'node:util';
import { HostError, reasonOf } from './host-error.js';
import { SafeFile } from './safe-file.js';
import { writeAll } from './write-all.js';

/** Plain data, for the thread that writes. */
export interface SharedText {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
}

/** Indices into the words before the text. */
const LOCK = 0;
const LENGTH = 1;
/** The errno of a write that failed, negative; 0: none. */
const ERROR = 2;
/** FRESH, then BEGUN when something has been put, then ENDED. */
const STATE = 3;
const WORDS = 4;
const HEAD = WORDS * Int32Array.BYTES_PER_ELEMENT;

const FRESH = 0;
const BEGUN = 1;
const ENDED = 2;

const CAPACITY = 1 << 18;
/** UTF-16 to UTF-8. */
const MAX_GROWTH = 3;

const EIO = -5;

/** How long whoever has the lock may take; a thread that died with it never gives it back. */
const PATIENCE_MS = 500;

class Shared {
  readonly words: Int32Array;
  readonly text: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, WORDS);
    this.text = new Uint8Array(memory, HEAD);
  }

  get length(): number {
    return Atomics.load(this.words, LENGTH);
  }

  /** Return: false where it was not to be had in time. */
  lock(patience = Number.POSITIVE_INFINITY): boolean {
    while (Atomics.compareExchange(this.words, LOCK, 0, 1) !== 0) {
      if (Atomics.wait(this.words, LOCK, 1, patience) === 'timed-out') return false;
    }
    return true;
  }

  unlock(): void {
    Atomics.store(this.words, LOCK, 0);
    Atomics.notify(this.words, LOCK);
  }
}

/** The writing thread's end. */
export class SharedWriter {
  readonly #shared: Shared;
  readonly #encoder = new TextEncoder();

  constructor(readonly target: SharedText) {
    this.#shared = new Shared(target.memory);
  }

  /** The last piece. `head`: takes the place of the file's first bytes. */
  end(last: string | Uint8Array, head?: Uint8Array): void {
    this.put(last);
    if (head !== undefined) this.#replaceHead(head);
    Atomics.store(this.#shared.words, STATE, ENDED);
  }

  /** What is put at once is in the file as a whole or not at all. After an error of the disk it goes nowhere. */
  put(piece: string | Uint8Array): void {
    if (typeof piece === 'string') this.#putText(piece);
    else if (piece.length > 0) this.#putBytes(piece);
  }

  #putBytes(bytes: Uint8Array): void {
    const { words, text: room } = this.#shared;
    if (this.#shared.length + bytes.length > CAPACITY) this.#flush();
    if (bytes.length > CAPACITY) {
      this.#flush(bytes);
      return;
    }
    room.set(bytes, this.#shared.length);
    Atomics.add(words, LENGTH, bytes.length);
    Atomics.store(words, STATE, BEGUN);
  }

  #replaceHead(head: Uint8Array): void {
    this.#flush();
    const shared = this.#shared;
    shared.lock();
    try {
      if (shared.words[ERROR] === 0) writeAll(this.target.fd, head, 0);
    } catch (error) {
      shared.words[ERROR] = (error as NodeJS.ErrnoException).errno ?? EIO;
    }
    shared.unlock();
  }

  #putText(text: string): void {
    if (text === '') return;
    const { words, text: room } = this.#shared;
    if (this.#shared.length + text.length * MAX_GROWTH > CAPACITY) this.#flush();
    if (text.length * MAX_GROWTH > CAPACITY) {
      this.#flush(text);
      return;
    }
    const { written } = this.#encoder.encodeInto(text, room.subarray(this.#shared.length));
    Atomics.add(words, LENGTH, written);
    Atomics.store(words, STATE, BEGUN);
  }

  #flush(more: string | Uint8Array = ''): void {
    const shared = this.#shared;
    shared.lock();
    try {
      if (shared.words[ERROR] === 0) {
        // Not shared: what writes copies nothing that may change.
        writeAll(this.target.fd, Buffer.from(shared.text.slice(0, shared.length)));
        writeAll(this.target.fd, more);
      }
    } catch (error) {
      shared.words[ERROR] = (error as NodeJS.ErrnoException).errno ?? EIO;
    }
    Atomics.store(shared.words, LENGTH, 0);
    Atomics.store(shared.words, STATE, BEGUN);
    shared.unlock();
  }
}

/** How a file ends that its writer has not ended. */
export interface Endings {
  readonly whole: string | Uint8Array;
  readonly head: Uint8Array | undefined;
  readonly brokenOff: string;
}

/** The other end. */
export class SharedFile {
  readonly #file: SafeFile;
  readonly #shared = new Shared(new SharedArrayBuffer(HEAD + CAPACITY));
  #open = true;

  /** Throws UsageError or HostError when the file cannot be written. */
  constructor(path: string, option: string) {
    this.#file = new SafeFile(path, option);
  }

  get target(): SharedText {
    return { fd: this.#file.fd, memory: this.#shared.words.buffer as SharedArrayBuffer };
  }

  /**
   * Write what is left and give the file its name; later calls do nothing. `whole` is all of a file that nothing was put
   * into, `brokenOff` is written behind what has no end; a file with a head that nobody has written is none. Throws HostError.
   */
  close({ whole, head, brokenOff }: Endings): void {
    if (!this.#open) return;
    this.#open = false;
    // Never unlocked: whoever writes, writes no more.
    this.#shared.lock(PATIENCE_MS);
    const errno = this.#shared.words[ERROR]!;
    const state = Atomics.load(this.#shared.words, STATE);
    if (errno !== 0) {
      this.#file.abandon();
      const [code = ''] = getSystemErrorMap().get(errno) ?? [];
      const { path, option } = this.#file;
      const error = Object.assign(new Error(code), { code });
      throw new HostError(`cannot write ${path}: ${reasonOf(error)}`, option);
    }
    this.#file.append(Buffer.from(this.#shared.text.slice(0, this.#shared.length)));
    if (state === BEGUN && head !== undefined) {
      this.#file.abandon();
      const { path, option } = this.#file;
      throw new HostError(`cannot write ${path}: the run ended before its head was written`, option);
    }
    if (state !== ENDED) this.#file.append(Buffer.from(state === FRESH ? whole : brokenOff));
    if (state === FRESH && head !== undefined) this.#file.replaceHead(head);
    this.#file.commit();
  }
}

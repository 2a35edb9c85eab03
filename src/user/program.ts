// SPDX-License-Identifier: GPL-2.0-only
/** User space of a process, as its program sees it (the `Sys` of api.ts): a libc, and memory to load and store. */
import type { Process, UserSpace } from '../kernel/process.js';
import type { Task } from '../sim/task.js';
import * as access from './access.js';
import type { Mismatch, PageValue, Sys } from './api.js';
import { Libc } from './libc.js';
import { Heap } from './malloc.js';

/** What a program reaches outside of its kernel. */
export interface Outside {
  /** What a read of /dev/urandom gives. */
  random32(): number;
  stderr_line(line: string): void;
}

export class Program extends Libc implements Sys, UserSpace {
  constructor(
    process: Process,
    protected readonly outside: Outside,
    heap = new Heap(),
  ) {
    super(process, heap);
  }

  cloneFor(child: Process): Program {
    return new Program(child, this.outside, this.heap.clone());
  }

  spin(): Task {
    return access.spin(this.process);
  }

  load32(addr: number): Task<number> {
    return access.load32(this.process, addr);
  }

  store32(addr: number, word: number): Task<void> {
    return access.store32(this.process, addr, word);
  }

  loadBytes(addr: number, length: number): Task<Uint8Array> {
    return access.loadBytes(this.process, addr, length);
  }

  storeBytes(addr: number, bytes: Uint8Array): Task<void> {
    return access.storeBytes(this.process, addr, bytes);
  }

  storeSeq(addr: number, count: number, first: number, step: number): Task<void> {
    return access.storeSeq(this.process, addr, count, first, step);
  }

  checkSeq(addr: number, count: number, first: number, step: number): Task<Mismatch> {
    return access.checkSeq(this.process, addr, count, first, step);
  }

  tryStorePage(addr: number, word: number): Task<string> {
    return access.tryStorePage(this.process, addr, word);
  }

  tryLoadPage(addr: number): Task<PageValue> {
    return access.tryLoadPage(this.process, addr);
  }

  tryStoreWords(addr: number, count: number, first: number, step: number): Task<string> {
    return access.tryStoreWords(this.process, addr, count, first, step);
  }

  tryCheckWords(addr: number, count: number, first: number, step: number): Task<PageValue> {
    return access.tryCheckWords(this.process, addr, count, first, step);
  }

  tryLoadWords(addr: number, count: number): Task<PageValue> {
    return access.tryLoadWords(this.process, addr, count);
  }

  tryAddWords(addr: number, count: number, add: number): Task<string> {
    return access.tryAddWords(this.process, addr, count, add);
  }

  gettimeofday(): number {
    return Math.floor(this.process.services.executor.now / 1000);
  }

  random32(): number {
    return this.outside.random32();
  }

  named(_addr: number, _name: string): void {}

  stderr(line: string): void {
    this.outside.stderr_line(line);
  }
}

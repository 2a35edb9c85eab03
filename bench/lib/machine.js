// SPDX-License-Identifier: GPL-2.0-only
/** A booted 6.12 machine with test_hmm loaded, and a process with a mirrored buffer on it. */

import { Machine } from '../../dist/machine/machine.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, O_RDWR, PROT_READ, PROT_WRITE } from '../../dist/uapi/mman.js';
import { dmirrorRequest } from '../../dist/uapi/test_hmm_uapi.js';
import { wordOf } from './memory.js';

const GiB = 2 ** 30;
const PAGE = 4096;
const EFI_MEMORY_SP = 0x40000;
const SPM = [0x100000000, 0x140000000];
/** Simulated nanoseconds that nothing here reaches. */
const NO_LIMIT = 1e15;

/** @typedef {import('../../dist/user/api.js').Sys} Sys */

/** @param {number} [memory] bytes of RAM */
export function bootMachine(memory = 6 * GiB) {
  const efiFakeMem = SPM.map((start) => ({ start, size: GiB, attribute: EFI_MEMORY_SP }));
  const machine = Machine.boot({ kernel: '6.12', memory, efiFakeMem });
  const params = { spm_addr_dev0: String(SPM[0]), spm_addr_dev1: String(SPM[1]) };
  if (machine.loadModule('test_hmm', params) !== 0) throw new Error('test_hmm does not load');
  return machine;
}

/**
 * @param {Sys} sys
 * @param {number} bytes
 */
export function* mapBuffer(sys, bytes) {
  const addr = yield* sys.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (addr < 0) throw new Error(`mmap of ${bytes} bytes failed: ${addr}`);
  return addr;
}

/** A process that has a buffer, populated with a word of its own in each page, and /dev/hmm_dmirror`unit` open. */
export class Mirror {
  machine;
  process;
  addr = 0;
  #mirror = 0;
  #cmd = 0;
  #fd = -1;

  /** @param {number} unit @param {number} bytes @param {number} [memory] */
  constructor(unit, bytes, memory) {
    this.machine = bootMachine(memory);
    this.process = this.machine.spawn('bench');
    this.call((sys) => this.#prepare(sys, unit, bytes));
  }

  /** Run `fn` in the process. @template T @param {(sys: Sys) => Generator<any, T, void>} fn @returns {T} */
  call(fn) {
    return this.machine.call(this.process, fn, NO_LIMIT);
  }

  /** @param {Sys} sys @param {number} unit @param {number} bytes */
  *#prepare(sys, unit, bytes) {
    this.addr = yield* mapBuffer(sys, bytes);
    this.#mirror = yield* mapBuffer(sys, bytes);
    this.#cmd = yield* mapBuffer(sys, PAGE);
    for (let n = 0; n < bytes / PAGE; n++) yield* sys.tryStorePage(this.addr + n * PAGE, wordOf(n));
    this.#fd = yield* sys.open(`/dev/hmm_dmirror${unit}`, O_RDWR);
    if (this.#fd < 0) throw new Error(`open failed: ${this.#fd}`);
  }

  /**
   * One ioctl over the first `pages` pages of the buffer.
   *
   * @param {import('../../dist/uapi/test_hmm_uapi.js').DmirrorOp} op
   * @param {number} pages
   */
  command(op, pages) {
    const { uapi } = this.machine.generation;
    const request = /** @type {number} */ (dmirrorRequest(uapi, op));
    const struct = new Uint8Array(uapi.cmd.size);
    uapi.cmd.encode(struct, { addr: this.addr, ptr: this.#mirror, npages: pages });
    const [cmd, fd] = [this.#cmd, this.#fd];
    const ret = this.call(function* (sys) {
      yield* sys.storeBytes(cmd, struct);
      return yield* sys.ioctl(fd, request, cmd);
    });
    if (ret !== 0) throw new Error(`${op} failed: ${ret}`);
  }
}

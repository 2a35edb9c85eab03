// SPDX-License-Identifier: GPL-2.0-only
/**
 * The simulated GPU: a queue is a task that does its packets over the page table of its process, and faults as the hardware
 * does. Answers for what drivers/gpu/drm/amd/amdgpu/gmc_v9_0.c and amdkfd/kfd_int_process_v9.c do with such a fault.
 */
import type { Process } from '../../kernel/process.js';
import { WaitQueue } from '../../sim/executor.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import {
  type Fields,
  SIM_OP_COPY,
  SIM_OP_FILL,
  SIM_OP_WAVES,
  SIM_OP_WRITE,
  type SIM_PACKET,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { KfdProcessDevice } from './kfd_priv.js';
import { kfd_smi_event_update_vmfault } from './kfd_smi_events.js';
import { svm_range_restore_pages } from './kfd_svm_fault.js';

export type Packet = Fields<(typeof SIM_PACKET)['fields'][number]['name']>;

/** Simulated ns that a page of SDMA takes, that a fault takes to reach the driver, and between two rounds of waves. */
const COST_SDMA_PAGE = 100;
const COST_GPU_FAULT = 20_000;
const COST_WAVES = 1_000_000;

const WORD = 4;
const pageOf = (addr: number): number => Math.floor(addr / PAGE_SIZE);
const bytesLeft = (addr: number): number => PAGE_SIZE - (addr % PAGE_SIZE);

/** What runs on a GPU: it reads and writes over the page table of its process, and faults as the hardware does. */
export class GpuAccess {
  /** Nothing more is to be done. */
  protected destroyed = false;
  private readonly buffer = new Uint8Array(PAGE_SIZE);

  constructor(protected readonly pdd: KfdProcessDevice) {}

  protected get executor() {
    return this.pdd.dev.module.kernel.executor;
  }

  /** Return: false where it faulted. */
  *copy(dst: number, src: number, size: number): Task<boolean> {
    const { contents } = this.pdd.dev.module.kernel;
    for (let done = 0; done < size; ) {
      const [from, to] = [src + done, dst + done];
      if (this.mustWait) yield* this.wait_for_turn();
      const spage = this.translate(from, false);
      const dpage = spage === NO_PAGE ? NO_PAGE : this.translate(to, true);
      if (dpage === NO_PAGE) {
        const alive = yield* spage === NO_PAGE ? this.fault(from, false) : this.fault(to, true);
        if (!alive) return false;
        continue;
      }
      const bytes = Math.min(size - done, bytesLeft(from), bytesLeft(to));
      if (bytes === PAGE_SIZE) contents.copy_page(dpage, spage);
      else {
        contents.readBytes(spage, from % PAGE_SIZE, this.buffer, 0, bytes);
        contents.writeBytes(dpage, to % PAGE_SIZE, this.buffer, 0, bytes);
      }
      this.executor.charge(COST_SDMA_PAGE);
      done += bytes;
    }
    return true;
  }

  /** Whole words. Return: false where it faulted. */
  *fill(dst: number, size: number, word: number): Task<boolean> {
    const { contents } = this.pdd.dev.module.kernel;
    for (let done = 0; done < size; ) {
      const to = dst + done;
      if (this.mustWait) yield* this.wait_for_turn();
      const dpage = this.translate(to, true);
      if (dpage === NO_PAGE) {
        if (!(yield* this.fault(to, true))) return false;
        continue;
      }
      const bytes = Math.min(size - done, bytesLeft(to));
      if (bytes === PAGE_SIZE) contents.fill_page(dpage, word);
      else {
        const first = (to % PAGE_SIZE) / WORD;
        contents.writable(dpage).fill(word, first, first + bytes / WORD);
      }
      this.executor.charge(COST_SDMA_PAGE);
      done += bytes;
    }
    return true;
  }

  /** One word; null where it faulted. */
  protected *load(addr: number): Task<number | null> {
    for (;;) {
      if (this.mustWait) yield* this.wait_for_turn();
      const page = this.translate(addr, false);
      if (page !== NO_PAGE) {
        return this.pdd.dev.module.kernel.contents.wordAt(page, (addr % PAGE_SIZE) / WORD);
      }
      if (!(yield* this.fault(addr, false))) return null;
    }
  }

  /** `count` waves read round after round what the pointers at `table` point to, until the word at `stop` is `word`. */
  protected *waves(stop: number, table: number, count: number, word: number): Task<boolean> {
    for (;;) {
      const seen = yield* this.load(stop);
      if (seen === null) return false;
      if (seen === word) break;
      for (let wave = 0; wave < count; wave++) {
        const low = yield* this.load(table + wave * 8);
        const high = yield* this.load(table + wave * 8 + WORD);
        if (low === null || high === null || (yield* this.load(low + high * 2 ** 32)) === null) return false;
      }
      this.executor.charge(COST_WAVES);
      yield* this.executor.yield('gpu_waves');
    }
    for (let wave = 0; wave < count; wave++) {
      if (!(yield* this.fill(stop + (wave + 1) * WORD, WORD, word))) return false;
    }
    return true;
  }

  /** A page, into `bytes`. Return: false where it faulted. */
  *read(addr: number, bytes: Uint8Array): Task<boolean> {
    if ((yield* this.load(addr)) === null) return false;
    this.pdd.dev.module.kernel.contents.readBytes(this.translate(addr, false), 0, bytes, 0, PAGE_SIZE);
    this.executor.charge(COST_SDMA_PAGE);
    return true;
  }

  // --- memory -------------------------------------------------------------------------------------------------

  private translate(addr: number, write: boolean): Page {
    return this.pdd.vm?.translate(pageOf(addr), write) ?? NO_PAGE;
  }

  /** Whether somebody else is to run, or the queue is off the GPU. */
  private get mustWait(): boolean {
    return this.pdd.evicted > 0 || this.executor.shouldResched;
  }

  private *wait_for_turn(): Task {
    const { executor, pdd } = this;
    yield* executor.cond_resched('gpu_queue');
    while (pdd.evicted > 0 && !this.destroyed) yield* pdd.restored.sleep(executor, 'gpu_evicted');
  }

  /** The access cannot be done. Return: whether to try it again; where not, the queue is dead. */
  private *fault(addr: number, write: boolean): Task<boolean> {
    const { pdd, executor } = this;
    if (this.destroyed) return false;
    executor.charge(COST_GPU_FAULT);
    yield* executor.yield('gpu_fault');
    if (this.destroyed) return false;
    if (pdd.evicted > 0) return true;
    const page = pageOf(addr);
    // Mapped by whoever else faulted.
    if (this.translate(addr, write) !== NO_PAGE) return true;
    if ((yield* svm_range_restore_pages(pdd, page, write)) === 0) return !this.destroyed;
    this.no_retry_fault(page, write);
    return false;
  }

  /** The process's queues are taken off for good, and it is told. */
  private no_retry_fault(page: number, write: boolean): void {
    const { pdd } = this;
    const { process, dev } = pdd;
    kfd_smi_event_update_vmfault(dev, process.lead_pid, process.lead_name);
    pdd.evicted++;
    pdd.killed = true;
    const readable = this.translate(page * PAGE_SIZE, false) !== NO_PAGE;
    process.events.signal({
      NotPresent: readable ? 0 : 1,
      ReadOnly: write && readable ? 1 : 0,
      va: page * PAGE_SIZE,
      gpu_id: dev.id,
    });
  }
}

/** A queue is a task of its own that does its packets. */
export class KfdQueue extends GpuAccess {
  private readonly packets: Packet[] = [];
  private readonly submitted = new WaitQueue();
  /** Woken whenever all has been done. */
  readonly drained = new WaitQueue();
  private working = false;

  constructor(
    readonly id: number,
    pdd: KfdProcessDevice,
  ) {
    super(pdd);
    this.executor.spawn(`gpu${pdd.dev.gpuidx} queue ${id}`, this.run(), null);
  }

  /** Everything that was submitted has been done. */
  get idle(): boolean {
    return this.packets.length === 0 && !this.working;
  }

  submit(packets: readonly Packet[]): void {
    this.packets.push(...packets);
    this.submitted.wakeAll(this.executor);
  }

  /** It does nothing more, wherever it is. */
  destroy(): void {
    this.destroyed = true;
    const { executor } = this;
    for (const queue of [this.submitted, this.drained, this.pdd.restored]) queue.wakeAll(executor);
  }

  /** Wait until all is done. `timeout` in milliseconds. Return: whether it is. Context: may sleep; a signal ends it. */
  *wait(process: Process, timeout: number): Task<boolean> {
    const { executor } = this;
    const until = executor.now + timeout * 1e6;
    if (!this.idle) executor.addTimer(until, () => this.drained.wakeAll(executor));
    process.interruptible.add(this.drained);
    while (!this.idle && !this.destroyed && executor.now < until && process.pendingSignal === null) {
      yield* this.drained.sleep(executor, 'kfd_sim_wait');
    }
    process.interruptible.delete(this.drained);
    return this.idle;
  }

  private *run(): Task {
    while (!this.destroyed) {
      const packet = this.packets.shift();
      if (packet === undefined) {
        yield* this.submitted.sleep(this.executor, 'gpu_idle');
        continue;
      }
      this.working = true;
      // A queue whose packet has faulted stands still for good.
      if (!(yield* this.execute(packet))) return;
      this.working = false;
      if (this.packets.length === 0) this.drained.wakeAll(this.executor);
    }
  }

  /** Return: false where it faulted. */
  private execute({ op, data, dst, src, size }: Packet): Task<boolean> {
    switch (op) {
      case SIM_OP_COPY:
        return this.copy(dst, src, size);
      case SIM_OP_FILL:
        return this.fill(dst, size, data);
      case SIM_OP_WRITE:
        return this.fill(dst, WORD, data);
      case SIM_OP_WAVES:
        return this.waves(dst, src, size / 8, data);
      default:
        return this.fill(dst, 0, data);
    }
  }
}

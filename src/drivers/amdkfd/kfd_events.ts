// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_events.c. Fidelity: simplified: events of memory exceptions, of which one is waited for at a time. */
import { type Executor, WaitQueue } from '../../sim/executor.js';
import type { Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { KFD_IOC_EVENT_MEMORY } from '../../uapi/kfd_ioctl.js';

/** struct kfd_hsa_memory_exception_data: an access that a GPU could not do. */
export interface MemoryException {
  readonly NotPresent: number;
  readonly ReadOnly: number;
  /** The page's address. */
  readonly va: number;
  readonly gpu_id: number;
}

interface KfdEvent {
  readonly auto_reset: boolean;
  exception: MemoryException | null;
}

const KFD_FIRST_NONSIGNAL_EVENT_ID = 0x80000000;

export class KfdEvents {
  private readonly events = new Map<number, KfdEvent>();
  private readonly wq = new WaitQueue();
  private nextId = KFD_FIRST_NONSIGNAL_EVENT_ID;

  constructor(private readonly executor: Executor) {}

  /** Return: its id, -EINVAL for another kind of event. */
  create(event_type: number, auto_reset: boolean): number {
    if (event_type !== KFD_IOC_EVENT_MEMORY) return -EINVAL;
    const id = this.nextId++;
    this.events.set(id, { auto_reset, exception: null });
    return id;
  }

  /** kfd_signal_vm_fault_event(). Context: may not sleep. */
  signal(exception: MemoryException): void {
    for (const event of this.events.values()) event.exception = exception;
    this.wq.wakeAll(this.executor);
  }

  /**
   * kfd_wait_on_events() of one. `timeout` in milliseconds. Context: may sleep.
   * Return: what happened, null when nothing has within the time, -EINVAL for an event that there is not.
   */
  *wait(id: number, timeout: number): Task<MemoryException | null | number> {
    const event = this.events.get(id);
    if (event === undefined) return -EINVAL;
    const until = this.executor.now + timeout * 1e6;
    this.executor.addTimer(until, () => this.wq.wakeAll(this.executor));
    while (event.exception === null && this.executor.now < until) {
      yield* this.wq.sleep(this.executor, 'kfd_wait_on_events');
    }
    const { exception } = event;
    if (event.auto_reset) event.exception = null;
    return exception;
  }
}

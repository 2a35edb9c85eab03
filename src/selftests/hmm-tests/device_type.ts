// SPDX-License-Identifier: GPL-2.0-only
/** Whether the CPU can access a device's memory: asked by ioctl, or known from the variant. */
import type { Task } from '../../sim/task.js';
import { HMM_DMIRROR_MEMORY_DEVICE_PRIVATE } from '../../uapi/test_hmm_uapi.js';
import { type HmmBuffer, type HmmTest, hmm_dmirror_cmd } from './helpers.js';

/** Asks the device, where the generation's tests do. `fdText` is the fd's C expression. */
export function* hmm_is_private_device(t: HmmTest, fd: number, fdText: string): Task<boolean> {
  if (!t.variant.asksDeviceType) return !t.variant.coherent;
  const nothing = { address: 0, ptr: 0, mirror: 0, size: 0, fd: -1, cpages: 0, faults: 0 };
  const buffer: HmmBuffer = { ...nothing, zone_device_type: 0, alloc_to_devmem: false };
  const ret = yield* hmm_dmirror_cmd(t, fd, 'GET_MEM_DEV_TYPE', buffer, 1);
  t.ASSERT_EQ({ [`hmm_is_private_device(${fdText}, &is_private)`]: ret }, 0);
  return buffer.zone_device_type === HMM_DMIRROR_MEMORY_DEVICE_PRIVATE;
}

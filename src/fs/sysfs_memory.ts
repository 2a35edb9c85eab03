// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/base/memory.c, /sys/devices/system/memory/memoryN/state. Fidelity: ported, without "online_movable". */
import type { Kernel } from '../mm/kernel.js';
import { offline_pages, online_pages } from '../mm/memory_hotplug.js';
import { copy_from_user } from '../mm/uaccess.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import type { FileOperations } from './file.js';

export const MEMORY_STATE = /^\/sys\/devices\/system\/memory\/memory(\d+)\/state$/;

/** Longest word that is looked at. */
const MAX_WORD = 16;

export function memory_state_operations(k: Kernel, block: number): FileOperations {
  return {
    name: '/sys/devices/system/memory/memoryN/state',
    /** Return: `count`, or -errno of what was asked for. Context: may sleep, without a limit. */
    *write(_file, mm, buf, count) {
      const bytes = yield* copy_from_user(mm, buf, Math.min(count, MAX_WORD));
      if (bytes === null) return -EFAULT;
      const word = new TextDecoder().decode(bytes).trim();
      if (word !== 'offline' && word !== 'online') return -EINVAL;
      const ret = word === 'online' ? online_pages(k, block) : yield* offline_pages(k, block);
      return ret === 0 ? count : ret;
    },
  };
}

// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/base/memory.c, /sys/devices/system/memory/memoryN/state. Fidelity: ported, without "online_movable". */
import type { Kernel } from '../mm/kernel.js';
import { next_round, offline_pages, online_pages } from '../mm/memory_hotplug.js';
import { copy_from_user } from '../mm/uaccess.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINTR, EINVAL } from '../uapi/errno.js';
import type { FileOperations } from './file.js';

export const MEMORY_STATE = /^\/sys\/devices\/system\/memory\/memory(\d+)\/state$/;

/** Longest word that is looked at. */
const MAX_WORD = 16;

/** One after the other, however long it takes (drivers/base/core.c). Context: may sleep. Return: 0 or -EINTR. */
function* lock_device_hotplug_sysfs(k: Kernel): Task<number> {
  while (!k.device_hotplug_lock.mutex_trylock()) {
    if (k.signals.pending()) return -EINTR;
    yield* next_round(k, 'lock_device_hotplug_sysfs');
  }
  return 0;
}

/** Return: 0; -EINVAL where that is how it is; or -errno. Context: may sleep, without a limit. */
function* change_state(k: Kernel, block: number, word: 'offline' | 'online'): Task<number> {
  const locked = yield* lock_device_hotplug_sysfs(k);
  if (locked !== 0) return locked;
  const ret = word === 'online' ? online_pages(k, block) : yield* offline_pages(k, block);
  k.device_hotplug_lock.mutex_unlock();
  return ret;
}

export function memory_state_operations(k: Kernel, block: number): FileOperations {
  return {
    name: '/sys/devices/system/memory/memoryN/state',
    /** Return: `count`, or -errno of what was asked for. Context: may sleep, without a limit. */
    *write(_file, mm, buf, count) {
      const bytes = yield* copy_from_user(mm, buf, Math.min(count, MAX_WORD));
      if (bytes === null) return -EFAULT;
      const word = new TextDecoder().decode(bytes).trim();
      if (word !== 'offline' && word !== 'online') return -EINVAL;
      const ret = yield* change_state(k, block, word);
      return ret === 0 ? count : ret;
    },
  };
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/select.c poll(), fs/eventfd.c eventfd2(). Fidelity: simplified: poll() waits for ever or not at all, for
 * files that say what holds of them.
 */
import { new_eventfd } from '../../fs/eventfd.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { putU32, u32At } from '../../sim/bytes.js';
import { done, type Task } from '../../sim/task.js';
import { EFAULT, EINVAL } from '../../uapi/errno.js';
import { O_CLOEXEC, O_NONBLOCK } from '../../uapi/mman.js';
import { POLLERR, POLLFD, POLLIN, POLLNVAL, POLLOUT } from '../../uapi/poll.js';
import { fd_install } from '../files.js';
import type { Process } from '../process.js';

const MOST = 1024;

/** Return: the descriptor, -EINVAL for unknown flags. */
export function sys_eventfd2(process: Process, count: number, flags: number): Task<number> {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return done(-EINVAL);
  const file = new_eventfd(process.services.files, count, (flags & O_NONBLOCK) !== 0);
  return done(fd_install(process, file));
}

/** What holds of each file of `bytes`, written there. Return: of how many anything does. */
function look(process: Process, bytes: Uint8Array): number {
  let ready = 0;
  for (let at = 0; at < bytes.length; at += POLLFD.size) {
    const fd = u32At(bytes, at + POLLFD.fd) | 0;
    const file = process.fds.get(fd);
    // events, and above them revents.
    const events = u32At(bytes, at + POLLFD.events) & 0xffff;
    const wanted = events | POLLERR | POLLNVAL;
    let holds = 0;
    if (file !== undefined) holds = (file.f_op.poll?.(file) ?? POLLIN | POLLOUT) & wanted;
    else if (fd >= 0) holds = POLLNVAL;
    putU32(bytes, at + POLLFD.events, events | (holds << 16));
    if (holds !== 0) ready++;
  }
  return ready;
}

/** poll(2). `timeout`: 0, or for ever. Return: of how many files something holds, -EINVAL, -EFAULT. Context: may sleep. */
export function* sys_poll(process: Process, ufds: number, nfds: number, timeout: number): Task<number> {
  if (nfds > MOST) return -EINVAL;
  const mm = process.ownMm;
  const bytes = yield* copy_from_user(mm, ufds, nfds * POLLFD.size);
  if (bytes === null) return -EFAULT;
  const { pollers, executor } = mm.kernel;
  let ready = look(process, bytes);
  while (ready === 0 && timeout !== 0) {
    yield* pollers.sleep(executor, 'do_poll');
    ready = look(process, bytes);
  }
  return (yield* copy_to_user(mm, ufds, bytes)) ? ready : -EFAULT;
}

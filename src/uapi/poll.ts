// SPDX-License-Identifier: GPL-2.0-only
/** include/uapi/asm-generic/poll.h: events, and struct pollfd. */
export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLNVAL = 0x20;

/** struct pollfd: bytes in all, and where its members are; revents is behind events, 16 bits each. */
export const POLLFD = { size: 8, fd: 0, events: 4 } as const;

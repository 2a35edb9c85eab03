// SPDX-License-Identifier: GPL-2.0-only
/** A page and where it is, for tests that need no more of test_hmm than that. */
import type { Generation } from '../../src/generations/types.js';
import type { Task } from '../../src/sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, O_RDWR, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';
import { type DmirrorOp, dmirrorRequest } from '../../src/uapi/test_hmm_uapi.js';
import type { Sys } from '../../src/user/api.js';

/** A page that holds 42. Return: its address. */
export function* filledPage(sys: Sys): Task<number> {
  const addr = yield* sys.mmap(0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  yield* sys.store32(addr, 42);
  return addr;
}

/** Migrate one page by a device of its minor, whose file is closed again. Return: what the ioctl answers. */
export function* migratePage(
  sys: Sys,
  generation: Generation,
  minor: number,
  addr: number,
  where: 'TO_DEV' | 'TO_SYS',
): Task<number> {
  const { fd, ret } = yield* migratePageAndKeep(sys, generation, minor, addr, where);
  yield* sys.close(fd);
  return ret;
}

/** The same, and the file stays open. */
export function* migratePageAndKeep(
  sys: Sys,
  { uapi }: Generation,
  minor: number,
  addr: number,
  where: 'TO_DEV' | 'TO_SYS',
): Task<{ fd: number; ret: number }> {
  const fd = yield* sys.open(`/dev/hmm_dmirror${minor}`, O_RDWR);
  const arg = yield* sys.malloc(64);
  const ptr = yield* sys.malloc(PAGE_SIZE);
  const fields = { addr, ptr, npages: 1, alloc_to_devmem: where === 'TO_DEV' };
  yield* sys.storeBytes(arg, uapi.cmd.encode(new Uint8Array(uapi.cmd.size), fields));
  const op: DmirrorOp = uapi.nr.MIGRATE === undefined ? `MIGRATE_${where}` : 'MIGRATE';
  return { fd, ret: yield* sys.ioctl(fd, dmirrorRequest(uapi, op)!, arg) };
}

// SPDX-License-Identifier: GPL-2.0-only
/** Steps on a dmirror device: open, close and the ioctls, with their struct and buffer in user memory. */
import { putU32, putU64, u64At } from '../sim/bytes.js';
import type { Task } from '../sim/task.js';
import { O_RDWR, PAGE_SIZE } from '../uapi/mman.js';
import {
  CMD_ADDR,
  CMD_ALLOC_TO_DEVMEM,
  CMD_CPAGES,
  CMD_FAULTS,
  CMD_NPAGES,
  CMD_PTR,
  CMD_ZONE_DEVICE_TYPE,
  type DmirrorOp,
  type DmirrorUapi,
  dmirrorRequest,
  IOWR_H,
} from '../uapi/test_hmm_uapi.js';
import type { Sys } from '../user/api.js';
import { type Actor, addressOf, fdOf, MIRROR_PAGES } from './actor.js';
import { retOf, type StepResult } from './result.js';
import type { StepOf } from './schema.js';
import type { Spelling } from './spelling.js';

/** Above this, recordings leave data and perm out. */
export const MAX_LISTED = 1024;

const FILL = 0xa5a5a5a5;

/** A number that no generation's driver knows: it answers for commands that the generation lacks. */
const UNKNOWN_NR = 0xff;

/** What the driver's interface looks like here. */
export interface Interface {
  readonly uapi: DmirrorUapi;
  readonly spelling: Spelling;
}

export type IoctlStep = StepOf<'ioctl'>;

export function* open(sys: Sys, actor: Actor, step: StepOf<'open'>): Task<StepResult> {
  const fd = yield* sys.open(`/dev/hmm_dmirror${step.device}`, O_RDWR);
  // As `d0 = open(...)` in C: a failure leaves -1 there, and what was open before is leaked.
  actor.fds.set(step.fd, fd < 0 ? -1 : fd);
  return retOf(fd);
}

export function* close(sys: Sys, actor: Actor, step: StepOf<'close'>): Task<StepResult> {
  const ret = yield* sys.close(fdOf(actor, step.fd));
  actor.fds.delete(step.fd);
  return retOf(ret);
}

/** Which way a migration goes, or undefined for other commands. */
export function migratesToDevice(step: IoctlStep): boolean | undefined {
  if (step.cmd === 'MIGRATE') return step.toDevice;
  if (step.cmd === 'MIGRATE_TO_DEV') return true;
  return step.cmd === 'MIGRATE_TO_SYS' ? false : undefined;
}

/** The command as this generation names it: MIGRATE has its direction in the struct, or in its name. */
export function commandOf(uapi: DmirrorUapi, step: IoctlStep): DmirrorOp {
  const toDevice = migratesToDevice(step);
  if (toDevice === undefined) return step.cmd;
  if (uapi.nr.MIGRATE !== undefined) return 'MIGRATE';
  return toDevice ? 'MIGRATE_TO_DEV' : 'MIGRATE_TO_SYS';
}

/** struct hmm_dmirror_cmd on its way to and from user memory; one ioctl is under way at a time. */
const struct = new Uint8Array(64);

/** The struct's bytes, valid until the next call. */
function encode(uapi: DmirrorUapi, addr: number, ptr: number, npages: number): Uint8Array {
  struct.fill(0);
  putU64(struct, CMD_ADDR, addr);
  putU64(struct, CMD_PTR, ptr);
  putU64(struct, CMD_NPAGES, npages);
  return struct.subarray(0, uapi.structSize);
}

/** The buffer before an ioctl: page i is filled with the word `word + i` for WRITE, otherwise with 0xA5. */
function* prepareMirror(sys: Sys, actor: Actor, step: IoctlStep, pages: number): Task {
  const { mirror } = actor.buffers;
  const reached = Math.min(pages, MIRROR_PAGES);
  if (step.cmd === 'WRITE') {
    for (let i = 0; i < reached; i++) yield* sys.tryStorePage(mirror + i * PAGE_SIZE, (step.word + i) >>> 0);
    return;
  }
  const filled = step.cmd === 'SNAPSHOT' ? Math.ceil(reached / PAGE_SIZE) : reached;
  if (filled > 0) yield* sys.storeSeq(mirror, (filled * PAGE_SIZE) / 4, FILL, 0);
}

function* readData(sys: Sys, actor: Actor, pages: number): Task<(number | string)[]> {
  const data: (number | string)[] = [];
  for (let i = 0; i < pages; i++) data.push(yield* sys.tryLoadPage(actor.buffers.mirror + i * PAGE_SIZE));
  return data;
}

function* readPerm(sys: Sys, actor: Actor, pages: number, spelling: Spelling): Task<string[]> {
  if (pages === 0) return [];
  const perm: string[] = [];
  for (const byte of yield* sys.loadBytes(actor.buffers.mirror, pages)) perm.push(spelling.permission(byte));
  return perm;
}

export function* ioctl(sys: Sys, actor: Actor, step: IoctlStep, face: Interface): Task<StepResult> {
  const { uapi } = face;
  const { mirror, scratch } = actor.buffers;
  // RELEASE and GET_MEM_DEV_TYPE may leave the range out: the driver only checks its form.
  const pages = step.pages ?? 1;
  yield* prepareMirror(sys, actor, step, pages);

  const bytes = encode(uapi, addressOf(step.region ?? 'r0', step.page ?? 0), mirror, pages);
  if (uapi.hasAllocToDevmem) putU32(struct, CMD_ALLOC_TO_DEVMEM, migratesToDevice(step) ? 1 : 0);
  yield* sys.storeBytes(scratch, bytes);

  const request = dmirrorRequest(uapi, commandOf(uapi, step)) ?? IOWR_H(UNKNOWN_NR, uapi.structSize);
  const ret = yield* sys.ioctl(fdOf(actor, step.fd), request, scratch);
  if (ret < 0) return retOf(ret);

  const answer = yield* sys.loadBytes(scratch, uapi.structSize);
  const cpages = u64At(answer, CMD_CPAGES);
  const faults = u64At(answer, CMD_FAULTS);
  if (step.cmd === 'GET_MEM_DEV_TYPE') {
    return { ret: 0, cpages, faults, type: face.spelling.deviceType(answer[CMD_ZONE_DEVICE_TYPE] ?? 0) };
  }
  if (pages > MAX_LISTED) return { ret: 0, cpages, faults };
  if (step.cmd === 'SNAPSHOT') {
    return { ret: 0, cpages, faults, perm: yield* readPerm(sys, actor, pages, face.spelling) };
  }
  if (step.cmd === 'READ' || step.cmd === 'EXCLUSIVE' || migratesToDevice(step)) {
    return { ret: 0, cpages, faults, data: yield* readData(sys, actor, pages) };
  }
  return { ret: 0, cpages, faults };
}

export function* ioctlRaw(
  sys: Sys,
  actor: Actor,
  step: StepOf<'ioctl_raw'>,
  face: Interface,
): Task<StepResult> {
  const { mirror, scratch } = actor.buffers;
  yield* sys.storeSeq(mirror, PAGE_SIZE / 4, FILL, 0);
  const bytes = encode(face.uapi, addressOf(step.region, 0) + step.offset, mirror, 0);
  new DataView(struct.buffer).setBigUint64(CMD_NPAGES, BigInt(step.npages), true);
  yield* sys.storeBytes(scratch, bytes);
  const request = IOWR_H(step.nr, face.uapi.structSize);
  return retOf(yield* sys.ioctl(fdOf(actor, step.fd), request, scratch));
}

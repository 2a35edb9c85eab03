// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the tests of hmm-tests.c share: the device's ioctls, buffers and files.
 *
 * C expressions in assertion messages are written as in the C file, so that a message can be searched for there.
 */
import type { Task } from '../../sim/task.js';
import { EINTR, ENOMEM, errnoName } from '../../uapi/errno.js';
import * as mman from '../../uapi/mman.js';
import { PAGE_SIZE, PMD_SIZE } from '../../uapi/mman.js';
import * as uapi from '../../uapi/test_hmm_uapi.js';
import type { Sys, WaitStatus } from '../../user/api.js';
import type { Operand, TestContext } from '../test_context.js';

export const TWOMEG = 2 ** 21;
export const HMM_BUFFER_SIZE = 1024 * PAGE_SIZE;
export const NTIMES = 10;

/** What file_read_ulong() reads at most, and does not fill. */
const FILE_ROOM = 2048;

/** sizeof(struct hmm_buffer) on x86-64. */
const HMM_BUFFER_STRUCT = 48;

/** `(void *)-1` and NULL as assertion operands. */
export const MAP_FAILED = { MAP_FAILED: 0xffff_ffff_ffff_ffffn };
export const NULL = { NULL: 0 };

/** What the suites of the generations do not have in common. */
export interface HmmTraits {
  readonly uapi: uapi.DmirrorUapi;
  /** Tests ask the device for its type; else the variant tells. */
  readonly asksDeviceType: boolean;
  /** Migration to system memory must say how many pages it moved. */
  readonly countsPagesToSys: boolean;
  /** double_map goes on: migrate to device 1, read through device 0. */
  readonly doubleMapMigrates: boolean;
  /** Snapshot of a page on this device, and of one on the other, when the CPU can reach both. */
  readonly coherentLocal: Operand;
  readonly coherentRemote: Operand;
  /** FOLL_LONGTERM as the test defines it. */
  readonly gupLongterm: number;
  /** hmm_buffer_alloc() makes a buffer with its mirror: one assertion is for all of it. Else each part has its own. */
  readonly allocatesAtOnce: boolean;
  /** The program has seen to huge pages before the tests, which skip where none is free. */
  readonly setsUpHugepages: boolean;
  /** What hmm_cow_in_device ends its child with. */
  readonly cowSignal: Readonly<Record<string, number>>;
}

export interface HmmVariant extends HmmTraits {
  /** The CPU can access the device's memory. Not known beforehand where asksDeviceType. */
  readonly coherent: boolean;
}

export interface HmmSelf {
  page_size: number;
  page_shift: number;
  /** User address of the struct hmm_dmirror_cmd that ioctls are made with. */
  cmd: number;
}

/** Any of the suite's test contexts. */
export type HmmTest = TestContext<HmmSelf, HmmVariant>;

/** struct hmm_buffer. */
export interface HmmBuffer {
  /** Where malloc() put the struct. */
  readonly address: number;
  ptr: number;
  mirror: number;
  size: number;
  fd: number;
  cpages: number;
  faults: number;
  zone_device_type: number;
  alloc_to_devmem: boolean;
}

export function ALIGN(x: number, a: number): number {
  return Math.ceil(x / a) * a;
}

/** Pages of the buffer that most tests use. */
export function defaultPages(t: HmmTest): number {
  const npages = ALIGN(HMM_BUFFER_SIZE, t.self.page_size) / t.self.page_size;
  t.ASSERT_NE({ npages }, 0);
  return npages;
}

/** Return: the fd, or -1. */
export function* hmm_open(sys: Sys, unit: number): Task<number> {
  const pathname = `/dev/hmm_dmirror${unit}`;
  const fd = yield* sys.open(pathname, mman.O_RDWR, 0);
  if (fd >= 0) return fd;
  sys.stderr(`could not open hmm dmirror driver (${pathname})`);
  return -1;
}

/** One ioctl on a buffer; its cpages and faults are set on success. Return: 0 or a negative errno. */
export function* hmm_dmirror_cmd(
  t: HmmTest,
  fd: number,
  op: uapi.DmirrorOp,
  buffer: HmmBuffer,
  npages: number,
): Task<number> {
  const { sys, self, variant } = t;
  const request = uapi.dmirrorRequest(variant.uapi, op);
  if (request === undefined) throw new Error(`no ioctl ${op} in this generation`);
  const struct = variant.uapi.cmd;
  const { ptr: addr, mirror: ptr, alloc_to_devmem } = buffer;
  const bytes = new Uint8Array(struct.size);
  yield* sys.storeBytes(self.cmd, struct.encode(bytes, { addr, ptr, npages, alloc_to_devmem }));
  let ret: number;
  do ret = yield* sys.ioctl(fd, request, self.cmd);
  while (ret === -EINTR);
  if (ret < 0) return ret;
  const { cpages, faults, zone_device_type } = struct.decode(yield* sys.loadBytes(self.cmd, struct.size));
  Object.assign(buffer, { cpages, faults, zone_device_type });
  return 0;
}

export function hmm_migrate_sys_to_dev(
  t: HmmTest,
  fd: number,
  buffer: HmmBuffer,
  npages: number,
): Task<number> {
  if (!t.variant.uapi.cmd.hasAllocToDevmem) return hmm_dmirror_cmd(t, fd, 'MIGRATE_TO_DEV', buffer, npages);
  buffer.alloc_to_devmem = true;
  return hmm_dmirror_cmd(t, fd, 'MIGRATE', buffer, npages);
}

export function hmm_migrate_dev_to_sys(
  t: HmmTest,
  fd: number,
  buffer: HmmBuffer,
  npages: number,
): Task<number> {
  if (!t.variant.uapi.cmd.hasAllocToDevmem) return hmm_dmirror_cmd(t, fd, 'MIGRATE_TO_SYS', buffer, npages);
  buffer.alloc_to_devmem = false;
  return hmm_dmirror_cmd(t, fd, 'MIGRATE', buffer, npages);
}

const NEW_BUFFER = { ptr: 0, mirror: 0, cpages: 0, faults: 0, zone_device_type: 0, alloc_to_devmem: false };

/** The struct alone, as malloc() leaves it but for fd and size. */
export function* newBuffer(t: HmmTest, size: number, fd: number): Task<HmmBuffer> {
  const address = yield* t.sys.malloc(HMM_BUFFER_STRUCT);
  t.ASSERT_NE({ buffer: address }, NULL);
  return { ...NEW_BUFFER, address, size, fd };
}

export function* allocMirror(t: HmmTest, buffer: HmmBuffer, size: number): Task {
  buffer.mirror = yield* t.sys.malloc(size);
  t.sys.named(buffer.mirror, 'buffer->mirror');
  t.ASSERT_NE({ 'buffer->mirror': buffer.mirror }, NULL);
}

/** mmap() of the buffer's size and fd. Return: false for MAP_FAILED. */
function* tryMapBuffer(t: HmmTest, buffer: HmmBuffer, prot: number, flags: number): Task<boolean> {
  const addr = yield* t.sys.mmap(0, buffer.size, prot, flags, buffer.fd, 0);
  if (addr < 0) return false;
  buffer.ptr = addr;
  t.sys.named(addr, 'buffer->ptr');
  return true;
}

export function* mapBuffer(t: HmmTest, buffer: HmmBuffer, prot: number, flags: number): Task {
  const mapped = yield* tryMapBuffer(t, buffer, prot, flags);
  t.ASSERT_NE({ 'buffer->ptr': mapped ? buffer.ptr : MAP_FAILED.MAP_FAILED }, MAP_FAILED);
}

export interface BufferOptions {
  /** Default PROT_READ | PROT_WRITE. */
  prot?: number;
  /** Default MAP_PRIVATE | MAP_ANONYMOUS. */
  flags?: number;
  fd?: number;
  /** Bytes of the mirror; default as many as the buffer has. */
  mirror?: number;
}

/** perror() with what a system call answered. */
function perror(sys: Sys, what: string, error: number): void {
  sys.stderr(`${what}: ${error === -ENOMEM ? 'Cannot allocate memory' : errnoName(-error)}`);
}

/** A buffer of `size` bytes with its mirror. Return: null, with a word on stderr, where something cannot be had. */
export function* tryBuffer(t: HmmTest, size: number, options: BufferOptions = {}): Task<HmmBuffer | null> {
  const { sys } = t;
  const { prot = mman.PROT_READ | mman.PROT_WRITE, flags = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS } = options;
  const { fd = -1, mirror: mirrorSize = size } = options;
  const address = yield* sys.malloc(HMM_BUFFER_STRUCT);
  const mirror = address === 0 ? 0 : yield* sys.malloc(mirrorSize);
  sys.named(mirror, 'buffer->mirror');
  if (mirror === 0) {
    perror(sys, address === 0 ? 'malloc buffer' : 'malloc mirror', -ENOMEM);
    yield* sys.free(address);
    return null;
  }
  const ptr = yield* sys.mmap(0, size, prot, flags, fd, 0);
  sys.named(ptr, 'buffer->ptr');
  if (ptr >= 0) return { ...NEW_BUFFER, address, size, fd, ptr, mirror };
  perror(sys, 'mmap', ptr);
  yield* sys.free(mirror);
  yield* sys.free(address);
  return null;
}

/** The same, where the test fails without it. */
export function* bufferOf(t: HmmTest, size: number, options: BufferOptions = {}): Task<HmmBuffer> {
  const buffer = yield* tryBuffer(t, size, options);
  t.ASSERT_NE({ buffer: buffer?.address ?? 0 }, NULL);
  return buffer!;
}

/** A buffer of `npages` with its mirror: the beginning of almost every test. */
export function* hmm_buffer_alloc(t: HmmTest, npages: number, options: BufferOptions = {}): Task<HmmBuffer> {
  const size = npages * t.self.page_size;
  if (t.variant.allocatesAtOnce) return yield* bufferOf(t, size, options);
  const buffer = yield* newBuffer(t, size, options.fd ?? -1);
  yield* allocMirror(t, buffer, options.mirror ?? size);
  const prot = options.prot ?? mman.PROT_READ | mman.PROT_WRITE;
  yield* mapBuffer(t, buffer, prot, options.flags ?? mman.MAP_PRIVATE | mman.MAP_ANONYMOUS);
  return buffer;
}

export function* hmm_buffer_free(t: HmmTest, buffer: HmmBuffer): Task {
  if (buffer.ptr !== 0) yield* t.sys.munmap(buffer.ptr, buffer.size);
  yield* t.sys.free(buffer.mirror);
  yield* t.sys.free(buffer.address);
}

/** A file in /tmp without a name. Return: the fd, or -1. */
export function* hmm_create_file(sys: Sys, size: number): Task<number> {
  const fd = yield* sys.open('/tmp', mman.O_TMPFILE | mman.O_EXCL | mman.O_RDWR, 0o600);
  if (fd < 0) return -1;
  let r: number;
  do r = yield* sys.ftruncate(fd, size);
  while (r === -EINTR);
  if (r === 0) return fd;
  yield* sys.close(fd);
  return -1;
}

/** close(2) as libc has it. Return: 0 or -1. */
export function* close(sys: Sys, fd: number): Task<number> {
  return (yield* sys.close(fd)) < 0 ? -1 : 0;
}

/** The bytes that a snapshot left in the mirror. */
export function mirrorBytes(t: HmmTest, buffer: HmmBuffer, npages: number): Task<Uint8Array> {
  return t.sys.loadBytes(buffer.mirror, npages);
}

// What waitpid() stored; its failure leaves the status as it was, here as if the child had exited with 0.

export function WIFEXITED(status: WaitStatus | number): number {
  return Number(typeof status === 'number' || status.exitCode !== null);
}

export function WEXITSTATUS(status: WaitStatus | number): number {
  return typeof status === 'number' ? 0 : (status.exitCode ?? 0);
}

export function WIFSIGNALED(status: WaitStatus | number): number {
  return Number(typeof status !== 'number' && status.signal !== null);
}

/** The number after `tag` in a small file. Return: -1 when there is none. */
function* file_read_ulong(sys: Sys, path: string, tag: string): Task<number> {
  const fd = yield* sys.open(path, mman.O_RDONLY);
  if (fd < 0) return -1;
  const buf = yield* sys.malloc(FILE_ROOM);
  const len = yield* sys.read(fd, buf, FILE_ROOM);
  yield* sys.close(fd);
  const text = len < 0 || len === FILE_ROOM ? '' : new TextDecoder().decode(yield* sys.loadBytes(buf, len));
  yield* sys.free(buf);
  return Number(new RegExp(`${tag}\\s*(\\d+)`).exec(text)?.[1] ?? -1);
}

/** Bytes of a huge page; where that cannot be read, the test is skipped. Return: null then. */
function* default_hsize(t: HmmTest): Task<number | null> {
  const kilobytes = yield* file_read_ulong(t.sys, '/proc/meminfo', 'Hugepagesize:');
  if (kilobytes >= 0) return kilobytes * 1024;
  t.SKIP('Huge page size could not be determined');
  return null;
}

/** A hugetlb mapping without a mirror yet, in huge pages of `hsize`. Return: null when the pool is empty. */
function* tryHugetlbBuffer(t: HmmTest, hsize: number): Task<HmmBuffer | null> {
  const buffer = yield* newBuffer(t, ALIGN(TWOMEG, hsize), -1);
  const flags = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS | mman.MAP_HUGETLB;
  if (yield* tryMapBuffer(t, buffer, mman.PROT_READ | mman.PROT_WRITE, flags)) return buffer;
  yield* t.sys.free(buffer.address);
  return null;
}

/** Of a program that has huge pages set up. */
function* hugetlbBufferAtOnce(t: HmmTest, mirrorOf: (size: number) => number): Task<HmmBuffer | string> {
  const free = yield* file_read_ulong(t.sys, '/proc/meminfo', 'HugePages_Free:');
  if (free <= 0) return 'Not enough huge pages';
  const flags = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS | mman.MAP_HUGETLB;
  const buffer = yield* tryBuffer(t, PMD_SIZE, { flags, mirror: mirrorOf(PMD_SIZE) });
  return buffer ?? 'Huge page could not be allocated';
}

/**
 * A buffer in huge pages, with a mirror that depends on its size. Return: null when there is none, and then, unless
 * that was `silent` in suites that set up no huge pages, the test is skipped.
 */
export function* hugetlbBuffer(
  t: HmmTest,
  mirrorOf: (size: number) => number,
  silent = false,
): Task<HmmBuffer | null> {
  if (t.variant.setsUpHugepages) {
    const made = yield* hugetlbBufferAtOnce(t, mirrorOf);
    if (typeof made !== 'string') return made;
    t.SKIP(made);
    return null;
  }
  const hsize = yield* default_hsize(t);
  if (hsize === null) return null;
  const buffer = yield* tryHugetlbBuffer(t, hsize);
  if (buffer !== null) yield* allocMirror(t, buffer, mirrorOf(buffer.size));
  else if (!silent) t.SKIP('Huge page could not be allocated');
  return buffer;
}

export function* unmapBuffer(t: HmmTest, buffer: HmmBuffer): Task {
  yield* t.sys.munmap(buffer.ptr, buffer.size);
  buffer.ptr = 0;
}

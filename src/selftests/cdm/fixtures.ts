// SPDX-License-Identifier: GPL-2.0-only
/** cdm-tests: a machine whose last node is a device's, and memory of one kind. */

import { putU64, u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import {
  COHERENT_NODE_FILE,
  type CoherentNodeRequest,
  coherentNodeAnswer,
  coherentNodeRequests,
} from '../../uapi/coherent_node.js';
import { DRIVER_RANGE_BYTES, encodeDriverRange } from '../../uapi/driver_range.js';
import { encodeNodeWord, MPOL_MF_MOVE, NODE_WORD_BITS } from '../../uapi/mempolicy.js';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDWR,
  O_TMPFILE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../uapi/mman.js';
import type { TestContext } from '../test_context.js';

/** The nodes of the processor, and of the device. */
export const SYSTEM = 0;
export const DEVICE = 1;

export interface CdmFixture {
  /** The device. */
  fd: number;
  /** The file of the memory; -1: it is anonymous. */
  file: number;
}

export interface CdmVariant {
  /** Where the file is, if memory is a file's. */
  readonly directory: string | null;
}

export type Cdm = TestContext<CdmFixture, CdmVariant>;

export const CDM: CdmFixture = { fd: -1, file: -1 };

export function* setup(t: Cdm): Task {
  t.self.fd = yield* t.sys.open(COHERENT_NODE_FILE, O_RDWR);
  t.ASSERT_GE({ fd: t.self.fd }, 0);
  const { directory } = t.variant;
  if (directory === null) return;
  t.self.file = yield* t.sys.open(directory, O_TMPFILE | O_RDWR, 0o600);
  t.ASSERT_GE({ file: t.self.file }, 0);
}

export function* teardown(t: Cdm): Task {
  if (t.self.file >= 0) yield* t.sys.close(t.self.file);
  t.ASSERT_EQ({ close: yield* t.sys.close(t.self.fd) }, 0);
}

/** So many pages of the variant's memory, not touched yet. */
export function* memory(t: Cdm, npages: number): Task<number> {
  const size = npages * PAGE_SIZE;
  const { file } = t.self;
  if (file >= 0) t.ASSERT_EQ({ ftruncate: yield* t.sys.ftruncate(file, size) }, 0);
  const flags = file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  const addr = yield* t.sys.mmap(0, size, PROT_READ | PROT_WRITE, flags, file, 0);
  t.ASSERT_GT({ addr }, 0);
  return addr;
}

/** Word i of the pages is `first` + i. */
export function fill(t: Cdm, addr: number, npages: number, first = 0): Task {
  return t.sys.storeSeq(addr, (npages * PAGE_SIZE) / 4, first, 1);
}

export function* ASSERT_FILLED(t: Cdm, addr: number, npages: number, first = 0): Task {
  const { count, index, value, expected } = yield* t.sys.checkSeq(addr, (npages * PAGE_SIZE) / 4, first, 1);
  t.ASSERT_EQ_EACH(count, { [`ptr[${index}]`]: value }, expected);
}

// --- policies -----------------------------------------------------------------------------------------------

function* mask(t: Cdm, nodes: readonly number[]): Task<number> {
  const at = yield* t.sys.malloc(8);
  yield* t.sys.storeBytes(at, encodeNodeWord(nodes));
  return at;
}

/** mbind(). Return: 0 or -errno. */
export function* mbind(
  t: Cdm,
  addr: number,
  npages: number,
  mode: number,
  nodes: readonly number[],
  flags = 0,
): Task<number> {
  return yield* t.sys.mbind(addr, npages * PAGE_SIZE, mode, yield* mask(t, nodes), NODE_WORD_BITS, flags);
}

/** set_mempolicy(). Return: 0 or -errno. */
export function* set_mempolicy(t: Cdm, mode: number, nodes: readonly number[]): Task<number> {
  return yield* t.sys.set_mempolicy(mode, yield* mask(t, nodes), NODE_WORD_BITS);
}

/** migrate_pages() of the process itself. Return: pages that stay, or -errno. */
export function* migrate_pages(t: Cdm, from: number, to: number): Task<number> {
  return yield* t.sys.migrate_pages(0, NODE_WORD_BITS, yield* mask(t, [from]), yield* mask(t, [to]));
}

/** move_pages() of all pages to one node; without one, it is asked where they are. */
function* move(
  t: Cdm,
  addr: number,
  npages: number,
  node: number | null,
): Task<{ ret: number; status: number[] }> {
  const { sys } = t;
  const at = yield* sys.malloc(npages * 16);
  const [nodes, status] = [at + npages * 8, at + npages * 12];
  const addrs = new Uint8Array(npages * 8);
  for (let n = 0; n < npages; n++) putU64(addrs, n * 8, addr + n * PAGE_SIZE);
  yield* sys.storeBytes(at, addrs);
  if (node !== null) yield* sys.storeSeq(nodes, npages, node, 0);
  const ret = yield* sys.move_pages(
    0,
    npages,
    at,
    node === null ? 0 : nodes,
    status,
    node === null ? 0 : MPOL_MF_MOVE,
  );
  const bytes = yield* sys.loadBytes(status, npages * 4);
  yield* sys.free(at);
  return { ret, status: Array.from({ length: npages }, (_, n) => u32At(bytes, n * 4) | 0) };
}

/** move_pages(). Return: 0; pages that have not moved; -errno. */
export function* move_pages(t: Cdm, addr: number, npages: number, node: number): Task<number> {
  return (yield* move(t, addr, npages, node)).ret;
}

/** The pages are on these nodes, one after the other; the last one counts for all that follow. */
export function* ASSERT_NODES(t: Cdm, addr: number, npages: number, ...expected: readonly number[]): Task {
  const { ret, status } = yield* move(t, addr, npages, null);
  t.ASSERT_EQ({ move_pages: ret }, 0);
  status.forEach((node, n) => {
    const wanted = expected[Math.min(n, expected.length - 1)]!;
    if (node !== wanted) t.ASSERT_EQ({ [`status[${n}]`]: node }, wanted);
  });
}

// --- the device ---------------------------------------------------------------------------------------------

/** One request of the driver. Return: pages, or -errno. */
export function* ask(t: Cdm, name: CoherentNodeRequest, addr: number, npages: number, ptr = 0): Task<number> {
  const { sys, self } = t;
  const arg = yield* sys.malloc(DRIVER_RANGE_BYTES);
  yield* sys.storeBytes(arg, encodeDriverRange({ addr, npages, ptr }));
  const ret = yield* sys.ioctl(self.fd, coherentNodeRequests[name], arg);
  const { cpages } = coherentNodeAnswer(yield* sys.loadBytes(arg, DRIVER_RANGE_BYTES));
  yield* sys.free(arg);
  return ret < 0 ? ret : cpages;
}

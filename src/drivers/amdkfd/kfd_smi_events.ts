// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c, and the formats of include/uapi/linux/kfd_ioctl.h: what profilers
 * read of migrations, faults and queues. Fidelity: ported, without the events of resets and temperature; everybody is root.
 */
import { type FileOperations, type FileTable, OpenFile } from '../../fs/file.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { u64At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { EAGAIN, EFAULT } from '../../uapi/errno.js';
import {
  KFD_SMI_EVENT_ALL_PROCESS,
  KFD_SMI_EVENT_MASK_FROM_INDEX,
  KFD_SMI_EVENT_MIGRATE_END,
  KFD_SMI_EVENT_MIGRATE_START,
  KFD_SMI_EVENT_MSG_SIZE,
  KFD_SMI_EVENT_PAGE_FAULT_END,
  KFD_SMI_EVENT_PAGE_FAULT_START,
  KFD_SMI_EVENT_QUEUE_EVICTION,
  KFD_SMI_EVENT_QUEUE_RESTORE,
  KFD_SMI_EVENT_UNMAP_FROM_GPU,
  KFD_SMI_EVENT_VMFAULT,
} from '../../uapi/kfd_ioctl.js';
import { POLLIN } from '../../uapi/poll.js';
import type { KfdNode } from './kfd_priv.js';

const MAX_KFIFO_SIZE = 1024;

/** struct kfd_smi_client: who has the file open. */
export interface KfdSmiClient {
  readonly node: KfdNode;
  readonly pid: number;
  /** What it wants to hear of, a bit an event. */
  events: bigint;
  /** Text that nobody has read yet. */
  fifo: string;
}

const clientOf = (file: OpenFile): KfdSmiClient => file.private_data as KfdSmiClient;

function* kfd_smi_ev_read(file: OpenFile, mm: MmStruct, buf: number, count: number): Task<number> {
  const client = clientOf(file);
  if (client.fifo === '') return -EAGAIN;
  const text = client.fifo.slice(0, Math.min(count, MAX_KFIFO_SIZE));
  client.fifo = client.fifo.slice(text.length);
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  return (yield* copy_to_user(mm, buf, bytes)) ? bytes.length : -EFAULT;
}

function* kfd_smi_ev_write(file: OpenFile, mm: MmStruct, buf: number, count: number): Task<number> {
  if (count < 8) return -EFAULT;
  const bytes = yield* copy_from_user(mm, buf, 8);
  if (bytes === null) return -EFAULT;
  clientOf(file).events =
    BigInt(u64At(bytes, 0) % 2 ** 32) | (BigInt(Math.floor(u64At(bytes, 0) / 2 ** 32)) << 32n);
  return 8;
}

const kfd_smi_ev_fops: FileOperations = {
  name: 'kfd_smi_ev',
  read: kfd_smi_ev_read,
  write: kfd_smi_ev_write,
  poll: (file) => (clientOf(file).fifo === '' ? 0 : POLLIN),
  // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
  *release(file): Task {
    const client = clientOf(file);
    const { smi_clients } = client.node;
    smi_clients.splice(smi_clients.indexOf(client), 1);
  },
};

/** A new file that tells of the node's events, of which none is enabled yet. */
export function kfd_smi_event_open(files: FileTable, node: KfdNode, pid: number): OpenFile {
  const file = new OpenFile(files, kfd_smi_ev_fops, 'anon_inode:kfd_smi_ev');
  const client: KfdSmiClient = { node, pid, events: 0n, fifo: '' };
  node.smi_clients.push(client);
  file.private_data = client;
  return file;
}

const ALL_PROCESS = KFD_SMI_EVENT_MASK_FROM_INDEX(KFD_SMI_EVENT_ALL_PROCESS);

function kfd_smi_ev_enabled(pid: number, client: KfdSmiClient, event: number): boolean {
  if (pid !== 0 && client.pid !== pid && (client.events & ALL_PROCESS) === 0n) return false;
  return (client.events & KFD_SMI_EVENT_MASK_FROM_INDEX(event)) !== 0n;
}

/** `fields`: what the event's format makes of them; built only where somebody listens. */
function kfd_smi_event_add(pid: number, node: KfdNode, event: number, fields: () => string): void {
  if (node.smi_clients.length === 0) return;
  const { kernel } = node.module;
  const text = `${hex(event)} ${fields()}\n`.slice(0, KFD_SMI_EVENT_MSG_SIZE - 1);
  let heard = false;
  for (const client of node.smi_clients) {
    if (!kfd_smi_ev_enabled(pid, client, event)) continue;
    if (client.fifo.length + text.length > MAX_KFIFO_SIZE) continue;
    client.fifo += text;
    heard = true;
  }
  if (heard) kernel.pollers.wakeAll(kernel.executor);
}

const hex = (value: number): string => value.toString(16);

/** Nanoseconds since boot and the process, as all of these begin. */
const stamp = (node: KfdNode, pid: number): string =>
  `${Math.floor(node.module.kernel.executor.now)} -${pid}`;

export function kfd_smi_event_update_vmfault(node: KfdNode, pid: number, name: string): void {
  kfd_smi_event_add(pid, node, KFD_SMI_EVENT_VMFAULT, () => `${hex(pid)}:${name}`);
}

/** `addr` in pages. */
export function kfd_smi_event_page_fault_start(
  node: KfdNode,
  pid: number,
  addr: number,
  write: boolean,
): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_PAGE_FAULT_START,
    () => `${stamp(node, pid)} @${hex(addr)}(${hex(node.id)}) ${write ? 'W' : 'R'}`,
  );
}

export function kfd_smi_event_page_fault_end(
  node: KfdNode,
  pid: number,
  addr: number,
  migration: boolean,
): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_PAGE_FAULT_END,
    () => `${stamp(node, pid)} @${hex(addr)}(${hex(node.id)}) ${migration ? 'M' : 'U'}`,
  );
}

/** Pages [start, end) go from one node to another; 0 is system memory. */
export interface Migration {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
  readonly trigger: number;
}

const moves = ({ start, end, from, to }: Migration): string =>
  `@${hex(start)}(${hex(end - start)}) ${hex(from)}->${hex(to)}`;

export function kfd_smi_event_migration_start(
  node: KfdNode,
  pid: number,
  move: Migration,
  prefetch_loc: number,
  preferred_loc: number,
): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_MIGRATE_START,
    () => `${stamp(node, pid)} ${moves(move)} ${hex(prefetch_loc)}:${hex(preferred_loc)} ${move.trigger}`,
  );
}

/** `error_code`: 0, or the -errno for which it did not move all. */
export function kfd_smi_event_migration_end(
  node: KfdNode,
  pid: number,
  move: Migration,
  error_code: number,
): void {
  const result = node.module.kernel.behaviour.kfdTellsFailedMigrations ? ` ${error_code}` : '';
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_MIGRATE_END,
    () => `${stamp(node, pid)} ${moves(move)} ${move.trigger}${result}`,
  );
}

export function kfd_smi_event_queue_eviction(node: KfdNode, pid: number, trigger: number): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_QUEUE_EVICTION,
    () => `${stamp(node, pid)} ${hex(node.id)} ${trigger}`,
  );
}

/** `rescheduled`: the ranges could not all be mapped, and the queues have to wait on. */
export function kfd_smi_event_queue_restore(node: KfdNode, pid: number, rescheduled = false): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_QUEUE_RESTORE,
    () => `${stamp(node, pid)} ${hex(node.id)} ${rescheduled ? 'R' : '0'}`,
  );
}

/** Pages [start, last]. */
export function kfd_smi_event_unmap_from_gpu(
  node: KfdNode,
  pid: number,
  start: number,
  last: number,
  trigger: number,
): void {
  kfd_smi_event_add(
    pid,
    node,
    KFD_SMI_EVENT_UNMAP_FROM_GPU,
    () => `${stamp(node, pid)} @${hex(start)}(${hex(last - start + 1)}) ${hex(node.id)} ${trigger}`,
  );
}

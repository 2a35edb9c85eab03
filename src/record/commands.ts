// SPDX-License-Identifier: GPL-2.0-only
/** ioctls of the drivers: the struct that was passed becomes a step, and what was read of it later its answer. */
import type { Generation } from '../generations/index.js';
import type { StepResult } from '../scenario/result.js';
import { spellingOf } from '../scenario/spelling.js';
import { cmdName, ignoresRange, listsPermissions } from '../scenario/steps/devices/dmirror.js';
import { gupFields } from '../scenario/steps/devices/gup.js';
import { coherentNodeAnswer, coherentNodeRequests } from '../uapi/coherent_node.js';
import { DRIVER_RANGE_BYTES, decodeDriverRange } from '../uapi/driver_range.js';
import {
  decodeGupTest,
  decodePinLongtermTest,
  GUP_TEST,
  PIN_LONGTERM_TEST,
  PIN_LONGTERM_TEST_START,
  PIN_LONGTERM_TEST_STOP,
} from '../uapi/gup_test.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { decodeHeldRange, HELD_RANGE_BYTES, PAGE_HOLDER_GET, PAGE_HOLDER_PUT } from '../uapi/page_holder.js';
import type { Draft } from './draft.js';
import type { Bare } from './memory.js';
import type { Pending, ProcessRecord } from './process-record.js';

export interface RecordedCommand {
  readonly bare: Bare;
  /** What of its answer the program may look at, once it has succeeded as `draft`. */
  pending(draft: Draft): Pending | undefined;
}

const withoutAnswer = (bare: Bare): RecordedCommand => ({ bare, pending: () => undefined });

/** Undefined where no step says it. */
export function ioctlDraft(
  own: ProcessRecord,
  generation: Generation,
  fd: number,
  request: number,
  arg: number,
): RecordedCommand | undefined {
  const file = own.fds.get(fd);
  if (file?.kind === 'gup') return gupCommand(own, generation, request, arg);
  if (file?.kind === 'driver') return driverCommand(own, file.name, request, arg);
  if (file?.kind === 'holder') return holderCommand(own, request, arg);
  return file?.kind === 'device' ? deviceCommand(own, generation, file.name, request, arg) : undefined;
}

/** The struct that was stored at `arg`. */
function structAt(own: ProcessRecord, arg: number, size: number): Uint8Array | undefined {
  const bytes = own.structs.get(arg);
  return bytes?.length === size ? bytes : undefined;
}

function deviceCommand(
  own: ProcessRecord,
  generation: Generation,
  fd: string,
  request: number,
  arg: number,
): RecordedCommand | undefined {
  const { cmd: struct } = generation.uapi;
  const bytes = structAt(own, arg, struct.size);
  if (bytes === undefined) return undefined;
  const { addr, ptr, npages, alloc_to_devmem } = struct.decode(bytes);
  const command = cmdName(generation.uapi, request);
  if (command === undefined) return undefined;
  if (command === 'FLAGS')
    return withoutAnswer({ fields: { op: 'ioctl', cmd: command, fd, value: Number(npages) } });
  const direction = command === 'MIGRATE' ? { toDevice: alloc_to_devmem } : {};
  const at = own.place(Number(addr)) ?? (ignoresRange(command) ? undefined : own.nowhere());
  const pages = Number(npages);
  const fields = { op: 'ioctl', cmd: command, fd, ...(at === undefined ? {} : { pages }), ...direction };
  const buffer = own.place(Number(ptr));
  const bare = { fields, ...(at && { at }), ...(buffer && { buffer }) };
  return {
    bare,
    pending: (draft) =>
      new Answer(draft, generation, arg, listsPermissions(command) ? Number(ptr) : 0, pages),
  };
}

/** What a program reads of the answer of its command becomes what the step expects. */
class Answer implements Pending {
  constructor(
    private readonly draft: Draft,
    private readonly generation: Generation,
    private readonly arg: number,
    private readonly listed: number,
    private readonly pages: number,
  ) {}

  looked(addr: number, bytes: Uint8Array): void {
    const { draft, generation } = this;
    const { cmd } = generation.uapi;
    const spelling = spellingOf(generation);
    if (addr === this.arg && bytes.length === cmd.size) {
      const { cpages, faults, zone_device_type } = cmd.decode(bytes);
      const typed = draft.fields.cmd === 'GET_MEM_DEV_TYPE';
      const type = typed ? { type: spelling.deviceType(zone_device_type) } : {};
      draft.expect = { ...draft.expect, cpages, faults, ...type } as StepResult;
    } else if (addr === this.listed && bytes.length === this.pages) {
      draft.expect = { ...draft.expect, perm: [...bytes].map((byte) => spelling.permission(byte)) };
    }
  }
}

const nodeRequests = new Map(Object.entries(coherentNodeRequests).map(([name, nr]) => [nr, name]));

/** A request of a driver that is no test_hmm, on pages and, of some, with a buffer. */
function driverCommand(
  own: ProcessRecord,
  fd: string,
  request: number,
  arg: number,
): RecordedCommand | undefined {
  const bytes = structAt(own, arg, DRIVER_RANGE_BYTES);
  const command = nodeRequests.get(request);
  if (bytes === undefined || command === undefined) return undefined;
  const { addr, npages: pages, ptr } = decodeDriverRange(bytes);
  const at = own.place(addr);
  const buffer = ptr === 0 ? undefined : own.place(ptr);
  if (at === undefined) return undefined;
  const bare = { fields: { op: 'driver', fd, command, pages }, at, ...(buffer && { buffer }) };
  return { bare, pending: (draft) => new DriverAnswer(draft, arg) };
}

class DriverAnswer implements Pending {
  constructor(
    private readonly draft: Draft,
    private readonly arg: number,
  ) {}

  looked(addr: number, bytes: Uint8Array): void {
    if (addr !== this.arg || bytes.length !== DRIVER_RANGE_BYTES) return;
    this.draft.expect = { ...this.draft.expect, ...coherentNodeAnswer(bytes) } as StepResult;
  }
}

/** Pages that are kept, and let go of. */
function holderCommand(own: ProcessRecord, request: number, arg: number): RecordedCommand | undefined {
  if (request === PAGE_HOLDER_PUT) return withoutAnswer({ fields: { op: 'put' } });
  const bytes = request === PAGE_HOLDER_GET ? structAt(own, arg, HELD_RANGE_BYTES) : undefined;
  if (bytes === undefined) return undefined;
  const { addr, pages } = decodeHeldRange(bytes);
  const at = own.place(addr);
  return at && withoutAnswer({ fields: { op: 'get', pages }, at });
}

function gupCommand(
  own: ProcessRecord,
  generation: Generation,
  request: number,
  arg: number,
): RecordedCommand | undefined {
  if (request === PIN_LONGTERM_TEST_STOP) return withoutAnswer({ fields: { op: 'unpin' } });
  if (request === PIN_LONGTERM_TEST_START) {
    const bytes = structAt(own, arg, PIN_LONGTERM_TEST.size);
    return bytes && pinCommand(own, decodePinLongtermTest(bytes));
  }
  const bytes = structAt(own, arg, GUP_TEST.size);
  if (bytes === undefined) return undefined;
  const { addr, size, nr_pages_per_call, gup_flags } = decodeGupTest(bytes);
  const pages = Number(size) / PAGE_SIZE;
  const kind = gupFields(request, gup_flags, generation);
  const at = own.place(Number(addr));
  if (kind === undefined || at === undefined || nr_pages_per_call !== pages) return undefined;
  return withoutAnswer({ fields: { op: 'gup', pages, ...kind }, at });
}

function pinCommand(
  own: ProcessRecord,
  { addr, size, flags }: ReturnType<typeof decodePinLongtermTest>,
): RecordedCommand | undefined {
  const at = own.place(Number(addr));
  if (at === undefined || flags > 1) return undefined;
  return withoutAnswer({ fields: { op: 'pin', pages: Number(size) / PAGE_SIZE, write: flags === 1 }, at });
}

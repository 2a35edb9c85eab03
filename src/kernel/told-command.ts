// SPDX-License-Identifier: GPL-2.0-only
/** A driver's command on a range, told to whoever watches. */
import type { MmStruct } from '../mm/types.js';
import type { Task } from '../sim/task.js';
import type { CommandKind } from './driver-events.js';

/** What explain and traces tell of a command on a range. */
export interface ToldCommand {
  readonly mm: MmStruct;
  /** Bytes, page aligned. */
  readonly addr: number;
  readonly pages: number;
  /** As its users call it. */
  readonly name: string;
  readonly does: CommandKind | null;
  readonly toDevice?: boolean;
  /** The driver's function that decides on the pages. */
  readonly fn: string;
  /** The device's name, and the open file's number among those of the driver. */
  readonly device: string;
  readonly file: number;
}

/** Serve a command, and tell whoever listens of its beginning and its end. Context: may sleep. Return: what `body` does. */
export function* telling(told: ToldCommand, body: Task<number>): Task<number> {
  const { mm, addr, pages, name, does, toDevice = false, fn, device, file } = told;
  const k = mm.kernel;
  if (k.trace === null) return yield* body;
  const args = { cmd: name, device, file, pages, to_device: Number(toDevice) };
  const command = { name, text: name, does, toDevice, fn, reader: fn };
  k.note({ event: 'driver_command', fn, mm, addr, tracepoint: 'driver_command', command, args });
  const ret = yield* body;
  k.note({
    event: 'driver_command_end',
    fn,
    mm,
    addr,
    tracepoint: 'driver_command_end',
    ret,
    args: { ...args, ret },
  });
  return ret;
}

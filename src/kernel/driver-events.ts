// SPDX-License-Identifier: GPL-2.0-only
/** What drivers tell of their devices, whichever driver it is: who watches knows none by name. */
import type { Args, AtAddress } from '../mm/trace.js';

/** What a command does with the pages of its range; a driver has commands that do neither. */
export type CommandKind = 'read' | 'write' | 'migrate' | 'snapshot' | 'exclusive' | 'check-exclusive';

/** Why a driver moves pages. */
export type MigrationCause = 'prefetch' | 'gpu-fault' | 'cpu-fault' | 'eviction';

/** A command of a driver, with the driver's functions that reports name. */
export interface DriverCommand {
  /** As its users call it: READ, MIGRATE_TO_DEV ... */
  readonly name: string;
  /** The name; where that leaves open which way pages go, with the way. */
  readonly text: string;
  readonly does: CommandKind | null;
  readonly toDevice: boolean;
  /** Decides on the pages of the range. */
  readonly fn: string;
  /** Reads through the device page table what the caller gets. */
  readonly reader: string;
}

/** What the kernel would call the tracepoint: the event's name in trace files. */
interface Tracepoint {
  readonly tracepoint: string;
}

type CommandArgs = {
  readonly cmd: string;
  /** The device's name. */
  readonly device: string;
  /** Id of the open file. */
  readonly file: number;
  readonly pages: number;
  readonly to_device: number;
};

declare module '../mm/trace.js' {
  interface TraceEvents {
    /** A command on a range begins, in the task that asked for it. */
    driver_command: AtAddress & Tracepoint & { readonly command: DriverCommand; readonly args: CommandArgs };
    /** It has ended; what it answers may have more numbers. */
    driver_command_end: AtAddress &
      Tracepoint & { readonly ret: number; readonly args: CommandArgs & { readonly ret: number } & Args };
    /** A device has entered a page into its page table. */
    device_fault: AtAddress & Tracepoint & { readonly args: { readonly device: string } };
    /** A driver has moved the page at the address to its device or to system memory, and why. */
    device_migration: AtAddress &
      Tracepoint & {
        readonly args: { readonly device: string; readonly to_device: number; readonly by: MigrationCause };
      };
    /** A device has looked at a page table entry: what it may do there, as the driver encodes it. */
    device_entry: AtAddress &
      Tracepoint & {
        /** hmm_range_fault() lets no device see such a mapping. */
        readonly refused: boolean;
        readonly args: { readonly perm: number };
      };
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: include/linux/module.h: what a driver is. How it is loaded, what it puts into the machine, and what
 * whoever looks from outside may ask it. Nothing above the drivers knows more of one than this.
 */
import type { FileOperations, FileTable } from '../fs/file.js';
import type { Generation } from '../generations/types.js';
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Process } from './process.js';

/** One device; its driver has one object for each, and reports name it. */
export interface Device {
  /** "hmm_dmirror0". */
  readonly name: string;
  readonly minor: number;
  /** The function of the driver that brings a private page home when the CPU touches it. */
  readonly migrate_to_ram: string;
}

/** What a device has in its page table: reads, reads and writes, or atomic (exclusive) access. */
export interface DeviceAccess {
  readonly device: Device;
  readonly access: 'r' | 'rw' | 'a';
}

/** Somebody who keeps a folio: the driver's name, and the address space that asked for it. */
export interface Holder {
  readonly name: string;
  readonly mm: MmStruct | null;
  /** Pinned, or by a plain reference. */
  readonly pinned: boolean;
}

/** An entry of a device's page table: the page that it takes for the contents of `addr`, and whether it may write there. */
export interface DeviceEntry {
  readonly device: Device;
  readonly mm: MmStruct;
  /** Page aligned. */
  readonly addr: number;
  readonly page: Page;
  readonly write: boolean;
}

/** A driver seen from outside: asking changes nothing and takes no time. What a driver has not, it leaves out. */
export interface DriverView {
  /** By minor. */
  readonly devices?: readonly Device[];
  /** The device whose memory `page` is; null when it is none of this driver's. */
  deviceOf?(page: Page): Device | null;
  /** The page of system memory that holds the contents of a device page in use; NO_PAGE when the page does. */
  backingOf?(page: Page): Page;
  /** By minor, what each device may do at the page-aligned `addr` without a fault: the most that any file of it may. */
  accesses?(mm: MmStruct, addr: number): readonly DeviceAccess[];
  /** Whether the device page table of an open file has `addr`. */
  knows?(file: number, addr: number): boolean;
  /** Who keeps the folio, pinned or not, between system calls; null for nobody. */
  holderOf?(folio: Page): Holder | null;
  /** Who holds the folio's lock between system calls; null for nobody. */
  lockerOf?(folio: Page): Holder | null;
  /** Open files that the driver keeps something for. */
  openFiles?(): number;
  /** All entries of all device page tables, which the checkers compare with those of the CPU. */
  entries?(): Iterable<DeviceEntry>;
}

/** A driver in a machine. */
export interface Driver {
  readonly name: string;
  /** What open() finds, by path. */
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: DriverView;
}

/** The machine, as a driver that comes to it finds it. */
export interface DriverHost {
  readonly kernel: Kernel;
  readonly files: FileTable;
  readonly generation: Generation;
  /** The process whose address space `mm` is; undefined when it is gone. */
  processOf(mm: MmStruct | null): Process | undefined;
}

/** A driver of the kernel image, there since boot. Context: may not sleep. */
export type BuiltinDriver = (host: DriverHost) => Driver;

export interface ModuleParameter {
  readonly name: string;
  readonly type: 'long' | 'int' | 'uint' | 'charp';
  description(generation: Generation): string;
  /** Whether it is the address of special purpose memory, which a machine reserves for the module. */
  readonly specialPurpose?: boolean;
}

/** What modinfo tells of a driver that is not built in: asking for it loads nothing of the driver. */
export interface ModuleInfo {
  readonly name: string;
  /** Its module_init() function, which reports name when loading fails. */
  readonly init: string;
  readonly license: string;
  readonly parameters: readonly ModuleParameter[];
  description(generation: Generation): string;
  /** Which devices it makes, a line each. */
  devices(generation: Generation): readonly string[];
}

/** What a step asks of a command: the range, and the buffer that goes with it. */
export interface StepRequest {
  /** Bytes, page aligned. */
  readonly addr: number;
  readonly pages: number;
  /** A buffer of as many pages in the caller's memory: filled with the step's words, or to be filled. */
  readonly ptr: number;
  /** The step's word; undefined where it has none. */
  readonly word?: number | undefined;
}

/** What is read of a struct afterwards. */
export interface StepAnswer {
  readonly cpages?: number;
  readonly faults?: number;
  /** What the driver has a name for: H_STATE ... */
  readonly answer?: string;
}

/** A command of a driver that documents may take as a step, by its name. */
export interface DriverStep {
  readonly help: string;
  /** The ioctl's number. */
  readonly request: number;
  /** The struct that the ioctl is given. */
  encode(request: StepRequest): Uint8Array;
  /** What the struct says afterwards, where the ioctl answered 0 or more. */
  decode?(struct: Uint8Array): StepAnswer;
  /** Whether it fills the buffer: then the step answers each page's word. */
  readonly fillsBuffer?: boolean;
}

/** And what modprobe and rmmod do. */
export interface DriverModule<D extends Driver = Driver> extends ModuleInfo {
  /** Its commands as steps of documents. */
  readonly steps?: Readonly<Record<string, DriverStep>>;
  /** Context: may sleep. Return: the driver, or -errno; throws KernelBug where the real one oopses. */
  load(host: DriverHost, params: Readonly<Record<string, string>>): Task<D | number>;
  /** Context: may sleep for ever, when somebody keeps a page of a device. */
  unload(driver: D): Task;
}

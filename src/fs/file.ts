// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/fs.h, fs/file_table.c: open files, their operations, and the delayed last fput(). */
import type { Kernel } from '../mm/kernel.js';
import type { MappingSource } from '../mm/mmap.js';
import { FileRaState } from '../mm/readahead.js';
import type { AddressSpace, MappableFile, MmStruct } from '../mm/types.js';
import { done, type Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import type { CgroupDirectories } from './cgroup.js';
import type { DaxDevice, DaxFs } from './dax.js';

/** struct file_operations. All calls may sleep; results are values or negative errnos. */
export interface FileOperations {
  readonly name: string;
  open?(file: OpenFile, mm: MmStruct): Task<number>;
  /** A descriptor of the file is closed. Context: may not sleep. */
  flush?(file: OpenFile): void;
  /** The last reference is gone. */
  release?(file: OpenFile): Task;
  unlocked_ioctl?(file: OpenFile, mm: MmStruct, cmd: number, arg: number): Task<number>;
  read?(file: OpenFile, mm: MmStruct, buf: number, count: number, pos: number): Task<number>;
  write?(file: OpenFile, mm: MmStruct, buf: number, count: number, pos: number): Task<number>;
  /** POLL* that hold now; who waits for others sleeps on the kernel's `pollers`. */
  poll?(file: OpenFile): number;
  truncate?(file: OpenFile, size: number): Task<number>;
  fallocate?(file: OpenFile, mode: number, offset: number, length: number): Task<number>;
  /** Pages from `first` up to `end` go to where the file is kept, which is waited for. */
  fsync?(file: OpenFile, first: number, end: number): Task<number>;
  /** Memory of a block device that a file system may map. */
  readonly dax_device?: DaxDevice;
  /** How mmap() maps the file; absent: -ENODEV. */
  source?(file: OpenFile): MappingSource;
}

/** struct file. */
export class OpenFile implements MappableFile {
  f_count = 1;
  f_pos = 0;
  /** O_DIRECT, or nothing: what fcntl(F_SETFL) sets. */
  f_flags = 0;
  mapping: AddressSpace | null = null;
  f_wb_err = 0;
  readonly f_ra = new FileRaState();
  private_data: unknown = null;

  constructor(
    private readonly files: FileTable,
    readonly f_op: FileOperations,
    /** As d_path() has it: "/dev/zero (deleted)". */
    readonly path: string,
  ) {}

  get kernel(): Kernel {
    return this.files.kernel;
  }

  get_file(): void {
    this.f_count++;
  }

  /** Return: 0, -EINVAL for what has nothing to write, or what the file answers. Source: fs/sync.c. */
  vfs_fsync_range(first: number, end: number): Task<number> {
    return this.f_op.fsync?.(this, first, end) ?? done(-EINVAL);
  }

  /** Drop a reference; the last one releases the file on the way back to user space. */
  fput(): void {
    if (--this.f_count === 0) this.files.delayed.push(this);
  }
}

/** The open files of a machine that wait for their release. */
export class FileTable {
  readonly delayed: OpenFile[] = [];
  /** Device files that outlive a module which failed to load, by path. */
  readonly strays = new Map<string, FileOperations>();
  /** File systems that are mounted, by path. */
  readonly mounts = new Map<string, DaxFs>();

  constructor(
    readonly kernel: Kernel,
    readonly cgroups: CgroupDirectories,
  ) {}

  /** Run the releases that fput() left behind (task_work). Context: no locks held; may sleep. */
  *flush_delayed_fput(): Task {
    for (let file = this.delayed.shift(); file !== undefined; file = this.delayed.shift()) {
      if (file.f_op.release !== undefined) yield* file.f_op.release(file);
    }
  }
}

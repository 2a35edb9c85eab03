// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/module/main.c: the drivers that are in a machine, from the kernel image and by modprobe. */
import type { Checker } from '../checkers/index.js';
import type { FileOperations } from '../fs/file.js';
import { Drivers } from '../kernel/drivers.js';
import type { Driver, DriverHost, DriverStep } from '../kernel/module.js';
import type { Task } from '../sim/task.js';
import { ENOENT } from '../uapi/errno.js';
import { builtinDrivers, type LoadableDriver } from './registry.js';

interface Loaded {
  readonly from: LoadableDriver;
  readonly driver: Driver;
  readonly checkers: readonly Checker[];
}

export class Modules {
  /** Built in and loaded ones. */
  readonly drivers: Drivers;
  private readonly loaded = new Map<string, Loaded>();
  /** What the files of all drivers do, by path. */
  private readonly paths = new Map<string, FileOperations>();

  constructor(
    private readonly host: DriverHost,
    /** Whether the checkers will be asked. */
    private readonly checking: boolean,
    /** The one that is part of the kernel image here, and no module. */
    private readonly builtin: string | null,
  ) {
    this.drivers = new Drivers(host.kernel);
    for (const init of builtinDrivers) this.add(init(host));
  }

  lookup(path: string): FileOperations | undefined {
    return this.paths.get(path);
  }

  /** Of the drivers that are loaded. */
  get checkers(): Checker[] {
    return [...this.loaded.values()].flatMap(({ checkers }) => checkers);
  }

  /** Commands of the drivers that are loaded, by the names that steps have for them: NAME, or DRIVER.NAME. */
  get steps(): ReadonlyMap<string, DriverStep> {
    const steps = new Map<string, DriverStep>();
    for (const { from } of this.loaded.values()) {
      for (const [name, step] of Object.entries(from.module.steps ?? {})) {
        if (!steps.has(name)) steps.set(name, step);
        steps.set(`${from.module.name}.${name}`, step);
      }
    }
    return steps;
  }

  /**
   * modprobe, or the initcall of a driver that is built in: nothing is done for what is there already.
   * Context: may sleep. Return: 0 or -errno.
   */
  *load(from: LoadableDriver, params: Readonly<Record<string, string>>): Task<number> {
    const { module, checkers } = from;
    if (this.loaded.has(module.name)) return 0;
    const driver = yield* module.load(this.host, params);
    if (typeof driver === 'number') return driver;
    if (this.checking) checkers.watch?.(driver);
    this.loaded.set(module.name, { from, driver, checkers: Object.values(checkers.checkers(driver)) });
    this.add(driver);
    return 0;
  }

  /**
   * rmmod (delete_module). Context: may sleep for ever, when a device page is kept.
   * Return: 0, or -ENOENT for what is not loaded, or built in.
   */
  *unload(name: string): Task<number> {
    const loaded = this.loaded.get(name);
    if (loaded === undefined || name === this.builtin) return -ENOENT;
    const { from, driver } = loaded;
    yield* from.module.unload(driver);
    for (const path of driver.files.keys()) this.paths.delete(path);
    this.drivers.remove(driver);
    this.loaded.delete(name);
    return 0;
  }

  private add(driver: Driver): void {
    for (const [path, f_op] of driver.files) this.paths.set(path, f_op);
    this.drivers.add(driver);
  }
}

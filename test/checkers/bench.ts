// SPDX-License-Identifier: GPL-2.0-only
/** A machine driven by shell commands, whose kernel state a test then breaks by hand. */
import { Census } from '../../src/checkers/census.js';
import { checkers } from '../../src/checkers/index.js';
import { test_hmm_checkers } from '../../src/checkers/test_hmm/index.js';
import type { DmirrorModule } from '../../src/drivers/test_hmm/dmirror.js';
import { TestHmm } from '../../src/drivers/test_hmm/driver.js';
import type { Machine } from '../../src/machine/machine.js';
import type { Kernel } from '../../src/mm/kernel.js';
import { FLAGS, type PmdTable, type PteTable, pmd_index, pte_index } from '../../src/mm/pgtable.js';
import type { MmStruct, VmArea } from '../../src/mm/types.js';
import type { MachineBlock } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { Shell } from '../../src/shell/shell.js';
import { InvariantViolation } from '../../src/sim/errors.js';
import type { Page } from '../../src/sim/memmap.js';
import { outside } from '../shell/outside.js';

/** An entry of a page table, which can be changed. */
export class Entry {
  constructor(
    private readonly words: PteTable | PmdTable['e'],
    private readonly i: number,
  ) {}

  get page(): Page {
    return this.words[this.i]!;
  }
  set page(page: Page) {
    this.words[this.i] = page;
  }
  get flags(): number {
    return this.words[FLAGS + this.i]!;
  }
  set flags(flags: number) {
    this.words[FLAGS + this.i] = flags;
  }
}

export class Bench {
  readonly machine: Machine;
  private readonly shell: Shell;

  /** Commands that must succeed, in order. The machine checks by itself only when `check` says so. */
  constructor(
    commands: readonly string[],
    { kernel = '6.12', check = false, ...machine }: MachineBlock & { kernel?: string; check?: boolean } = {},
  ) {
    const setup = new Setups({ check }).of({ kernel, machine });
    this.machine = bootMachine(setup);
    const source = { acquire: () => this.machine, release: () => {} };
    this.shell = new Shell({ source, setup, machineBlock: machine, save: () => {}, ...outside });
    for (const command of commands) this.run(command);
  }

  /** The first line of what the shell answers. */
  ask(command: string): string {
    return this.shell.execute(command)[0] ?? '';
  }

  /** Throws when the answer is not a success. */
  run(command: string): void {
    const [answer = '', ...rest] = this.shell.execute(command);
    if (!/^\{ (ret: 0|pages: \[ (ok|\d+)|map: )/.test(answer)) {
      throw new Error(`${command}: ${[answer, ...rest].join('\n')}`);
    }
  }

  get k(): Kernel {
    return this.machine.kernel;
  }
  get module(): DmirrorModule {
    return this.driver.module;
  }
  private get driver(): TestHmm {
    const found = [...this.machine.drivers].find((driver) => driver instanceof TestHmm);
    if (found === undefined) throw new Error('test_hmm is not loaded');
    return found;
  }

  mm(pid = 1): MmStruct {
    return this.machine.process(pid)!.mm!;
  }

  address(region: number, page: number): number {
    return 0x200000000000 + region * 2 ** 30 + page * 4096;
  }

  vma(region: number, pid = 1): VmArea {
    return this.mm(pid).vmas.vma_lookup(this.address(region, 0))!;
  }

  /** The PTE, or the PMD of a huge page, that maps the page of a region. */
  entry(region: number, page: number, pid = 1): Entry {
    const address = this.address(region, page);
    const pmd = this.mm(pid).pt.pmdTable(address)!;
    const m = pmd_index(address);
    const table = pmd.child[m]!;
    return table === null ? new Entry(pmd.e, m) : new Entry(table, pte_index(address));
  }

  /** What one checker, a general one or the driver's, says now, with pfns replaced by N; '' for nothing. */
  finding(name: string): string {
    try {
      const check = { ...test_hmm_checkers.checkers(this.driver), ...checkers }[name]!;
      check(new Census(this.k, this.machine.drivers, [...this.k.mms]));
      return '';
    } catch (error) {
      return findingOf(error);
    }
  }
}

export function findingOf(error: unknown): string {
  if (!(error instanceof InvariantViolation)) throw error;
  return error.message.replaceAll(/pfn 0x[0-9a-f]+/g, 'pfn N');
}

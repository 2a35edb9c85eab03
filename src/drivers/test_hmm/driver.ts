// SPDX-License-Identifier: GPL-2.0-only
/** test_hmm as a machine knows it. */
import type { FileOperations } from '../../fs/file.js';
import type { Driver, DriverHost, DriverModule } from '../../kernel/module.js';
import type { Task } from '../../sim/task.js';
import { ENOENT } from '../../uapi/errno.js';
import type { DmirrorModule } from './dmirror.js';
import { test_hmm_info } from './modinfo.js';
import { dmirror_fops, hmm_dmirror_exit, hmm_dmirror_init } from './module.js';
import { TestHmmView } from './view.js';

export class TestHmm implements Driver {
  readonly name = 'test_hmm';
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: TestHmmView;

  constructor(
    /** What C keeps in static variables; for the driver's own checkers. */
    readonly module: DmirrorModule,
  ) {
    this.view = new TestHmmView(module);
    const files = new Map<string, FileOperations>();
    for (const { name, minor } of module.devices) {
      const f_op = dmirror_fops(module, minor);
      files.set(`/dev/${name}`, f_op);
      if (module.generation.behaviours.hmmDmirrorAlias) files.set(`/dev/hmm_mirror${minor}`, f_op);
    }
    this.files = files;
  }
}

// --- modprobe and rmmod -----------------------------------------------------------------------------------

function* load(host: DriverHost, params: Readonly<Record<string, string>>): Task<TestHmm | number> {
  const spm_addr_dev0 = Number(params.spm_addr_dev0 ?? 0);
  const spm_addr_dev1 = Number(params.spm_addr_dev1 ?? 0);
  const { kernel, files, generation } = host;
  // Symbols that this kernel does not have.
  if (kernel.behaviour.driversUseMirrors) return -ENOENT;
  const module = yield* hmm_dmirror_init(kernel, files, generation, { spm_addr_dev0, spm_addr_dev1 });
  return typeof module === 'number' ? module : new TestHmm(module);
}

function unload({ module }: TestHmm): Task {
  return hmm_dmirror_exit(module);
}

export const test_hmm: DriverModule<TestHmm> = { ...test_hmm_info, load, unload };

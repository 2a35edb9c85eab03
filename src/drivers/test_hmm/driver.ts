// SPDX-License-Identifier: GPL-2.0-only
/** test_hmm as a machine knows it. */
import type { FileOperations } from '../../fs/file.js';
import type { Generation } from '../../generations/types.js';
import type { Driver, DriverHost, DriverModule, ModuleParameter } from '../../kernel/module.js';
import type { Task } from '../../sim/task.js';
import type { DmirrorModule } from './dmirror.js';
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
  const module = yield* hmm_dmirror_init(kernel, files, generation, { spm_addr_dev0, spm_addr_dev1 });
  return typeof module === 'number' ? module : new TestHmm(module);
}

function unload({ module }: TestHmm): Task {
  return hmm_dmirror_exit(module);
}

// --- modinfo ----------------------------------------------------------------------------------------------

const FALLBACK_DESCRIPTION = 'HMM (Heterogeneous Memory Management) test module';

function parameter(device: number): ModuleParameter {
  return {
    name: `spm_addr_dev${device}`,
    type: 'long',
    specialPurpose: true,
    description: ({ behaviours }) => {
      const effect = behaviours.spmSelectsType
        ? 'both parameters together make all devices generic'
        : 'both parameters together add two coherent devices';
      return `physical address where the special purpose memory of device ${device} begins; ${effect}`;
    },
  };
}

/** Which devices there are, without and with the parameters. */
function devices({ ndevices, behaviours }: Generation): string[] {
  const nodes = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => `/dev/hmm_dmirror${first + i}`).join(' ');
  if (behaviours.spmSelectsType) return [`${nodes(0, ndevices)} (private; generic with both parameters)`];
  return [`${nodes(0, 2)} (private)`, `${nodes(2, ndevices - 2)} (coherent; only with both parameters)`];
}

export const test_hmm: DriverModule<TestHmm> = {
  name: 'test_hmm',
  init: 'hmm_dmirror_init',
  license: 'GPL',
  parameters: [parameter(0), parameter(1)],
  description: ({ moduleDescription }) =>
    moduleDescription ?? `${FALLBACK_DESCRIPTION} (this generation has no description)`,
  devices,
  load,
  unload,
};

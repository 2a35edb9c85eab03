// SPDX-License-Identifier: GPL-2.0-only
/** A run that passes every tracepoint, for writers of binary traces. */
import type { ScenarioDocument } from '../../../src/scenario/schema.js';
import { bootMachine } from '../../../src/session/machine-pool.js';
import { Setups } from '../../../src/session/setup.js';
import { type TraceRecord, Tracer } from '../../../src/watch/tracer.js';
import { resultsOf } from '../../session/results.js';

export const document: ScenarioDocument = {
  name: 'there and back',
  kernel: '6.12',
  steps: [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 16, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'store', region: 'r0', page: 0, pages: 16, word: 1 },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 16 },
    { op: 'load', region: 'r0', page: 0, pages: 16 },
    { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', region: 'r0', page: 0, pages: 16 },
    { op: 'munmap', region: 'r0', page: 0, pages: 16 },
  ],
};

export function traced(
  kernel: string,
  told: { step(index: number, ns: number): void; record(record: TraceRecord): void },
): void {
  const setup = new Setups({ kernel }).of(document);
  const machine = bootMachine(setup);
  machine.trace = new Tracer(machine, (record) => told.record(record));
  machine.onStep = (index) => told.step(index, machine.now);
  resultsOf(machine, document, setup.generation);
}

// SPDX-License-Identifier: GPL-2.0-only
/** Tracing that is off costs a look at one field: on the paths that every page takes, no event is even built. */
import t from 'tap';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { resultsOf } from '../session/results.js';

const range = { region: 'r0', page: 0, pages: 512 } as const;
const steps: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { op: 'mmap', region: 'r0', pages: 512, prot: 'rw', share: 'private', backing: 'anon' },
  { op: 'store', ...range, word: 1 },
  { op: 'fork', child: 'p1' },
  { op: 'store', as: 'p1', ...range, word: 2 },
  { op: 'ioctl', cmd: 'READ', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'WRITE', fd: 'd0', ...range, word: 3 },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...range },
  { op: 'load', ...range },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'MIGRATE_TO_SYS', fd: 'd0', ...range },
  // Pages that stay, each for another reason, and those that devices take for themselves.
  { op: 'pin', region: 'r0', page: 3, pages: 1, write: true },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...range, page: 8, pages: 8 },
  { op: 'load', ...range },
  { op: 'mmap', region: 'r1', pages: 8, prot: 'rw', share: 'shared', backing: 'file' },
  { op: 'store', region: 'r1', page: 0, pages: 4, word: 4 },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r1', page: 0, pages: 8 },
  { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', region: 'r1', page: 0, pages: 1 },
  { op: 'munmap', ...range },
  { op: 'ioctl', cmd: 'READ', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
];
const document: ScenarioDocument = { name: 'busy', kernel: '6.12', steps };

/** Events built while the scenario runs, and the answers of its steps. */
function built(listening: boolean): { events: number; answers: unknown[] } {
  const setup = new Setups().of(document);
  const machine = bootMachine(setup);
  let events = 0;
  const { kernel } = machine;
  const note = kernel.note.bind(kernel);
  kernel.note = (event) => {
    events++;
    note(event);
  };
  if (listening) machine.trace = { emit: () => {} };
  const results = resultsOf(machine, document, setup.generation);
  return { events, answers: results.map(({ ret }) => ret) };
}

t.test('no event is built that nobody hears', async (t) => {
  const [off, on] = [built(false), built(true)];
  t.equal(off.events, 0);
  t.ok(on.events > 10_000, `${on.events} events when somebody listens`);
  t.same(off.answers, on.answers);
});

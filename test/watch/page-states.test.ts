// SPDX-License-Identifier: GPL-2.0-only
/** States of many pages: read back as they were put in, and kept as a few objects. */
import t from 'tap';
import { RECORDING_CONDITIONS } from '../../src/machine/defaults.js';
import { describeMachine } from '../../src/machine/description.js';
import { addressOf } from '../../src/scenario/actor.js';
import type { Step } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Session } from '../../src/session/session.js';
import { observePage } from '../../src/watch/observe.js';
import { PageStates } from '../../src/watch/page-states.js';

const PAGES = 65_536;

t.test('65,536 pages of three kinds', async (t) => {
  const setup = describeMachine({ ...RECORDING_CONDITIONS, kernel: '6.12' });
  const machine = bootMachine(setup);
  const session = new Session(machine, setup.generation);
  const steps = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: PAGES, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'store', region: 'r0', page: 0, pages: PAGES - 100, word: 7 },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 1000, pages: 1000 },
  ] as Step[];
  for (const step of steps) session.step(step);
  const mm = machine.process(session.actor('p0')!.process.pid)!.mm!;
  const states = new PageStates();
  const seen = Array.from({ length: PAGES }, (_, i) => observePage(machine, mm, addressOf('r0', i)));
  for (const state of seen) states.push(state);
  t.equal(states.length, PAGES);
  t.equal(states.kinds, 3);
  const different = seen.findIndex(
    (state, i) => JSON.stringify(read(state)) !== JSON.stringify(read(states.at(i))),
  );
  t.equal(different, -1);
  t.equal(states.at(1500).where, 'private');
  t.equal(states.at(PAGES - 1).where, 'none');
});

/** Devices by their names: the objects go in circles. */
function read({ device, devices, ...state }: ReturnType<PageStates['at']>): object {
  const access = devices.map((one) => [one.device.name, one.access]);
  return Object.fromEntries([...Object.entries({ ...state, device: device?.name, access })].sort());
}

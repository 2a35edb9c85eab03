// SPDX-License-Identifier: GPL-2.0-only
/**
 * A generation may number its ioctls as it likes: one that is made up here, whose numbers are moved, answers every recording, runs the
 * suite and is exported as the one whose numbers they are.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { dmirrorInterface } from '../../src/export/drivers.js';
import { withBehaviours } from '../../src/generations/differences.js';
import { type Generation, generationById } from '../../src/generations/index.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { compareScenario } from '../../src/scenario/compare.js';
import { load } from '../../src/scenario/load.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { EINVAL } from '../../src/uapi/errno.js';
import { O_RDWR, PAGE_SIZE } from '../../src/uapi/mman.js';
import { type DmirrorOp, dmirrorRequest } from '../../src/uapi/test_hmm_uapi.js';
import { filledPage, migratePage } from '../drivers/device_page.js';

const recent = generationById('7.3')!;

/** Its numbers from 32 on, in the opposite order: no ioctl has the number of another one, or its own. */
function shifted(generation: Generation): Generation {
  const ops = Object.keys(generation.uapi.nr) as DmirrorOp[];
  const nr = Object.fromEntries(ops.map((op, n) => [op, 32 + ops.length - n]));
  return { ...generation, uapi: { ...generation.uapi, nr } };
}

const moved = shifted(recent);

t.test('recordings are answered as before', async (t) => {
  const setups = new Setups({ kernel: recent.id });
  const seen = new Set<string>();
  for (const name of ['all', 'err', 'exclusive']) {
    const file = `test/golden/7.3/${name}.jsonl.gz`;
    const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
    for (const { document } of documents.slice(0, 12)) {
      const setup = { ...setups.of(document), generation: moved };
      const machines = { acquire: () => bootMachine(setup), release: () => {} };
      t.equal(compareScenario(document, runOn(machines, setup, document).results), null, document.name);
      for (const step of document.steps) if ('cmd' in step) seen.add(step.cmd);
    }
  }
  t.strictSame([...seen].sort(), Object.keys(recent.uapi.nr).sort());
});

function machineOf(generation: Generation): Machine {
  const machine = Machine.bootAs({ ...describeMachine({ kernel: generation.id }), generation });
  if (machine.loadModule('test_hmm', {}) !== 0) throw new Error('the module does not load');
  return machine;
}

t.test('the driver takes the numbers of its generation, and no others', async (t) => {
  for (const [own, other] of [
    [recent, moved],
    [moved, recent],
  ] as const) {
    const machine = machineOf(own);
    const answers = machine.call(machine.spawn('program'), function* (sys) {
      const addr = yield* filledPage(sys);
      const ret = yield* migratePage(sys, own, 0, addr, 'TO_DEV');
      const fd = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
      const arg = yield* sys.malloc(64);
      const fields = { addr, ptr: yield* sys.malloc(PAGE_SIZE), npages: 1 };
      yield* sys.storeBytes(arg, own.uapi.cmd.encode(new Uint8Array(own.uapi.cmd.size), fields));
      const foreign: number[] = [];
      for (const op of Object.keys(other.uapi.nr) as DmirrorOp[])
        foreign.push(yield* sys.ioctl(fd, dmirrorRequest(other.uapi, op)!, arg));
      return { ret, foreign };
    });
    t.equal(answers.ret, 0);
    t.ok(
      answers.foreign.every((ret) => ret === -EINVAL),
      `${answers.foreign}`,
    );
    t.equal(answers.foreign.length, 10);
  }
});

t.test('the suite asks by them', async (t) => {
  const names = ['anon_read', 'migrate', 'exclusive', 'migrate_anon_huge_empty'];
  const harness = test_harness_run({
    suite: hmmTests(moved),
    machine: () => machineOf(moved),
    filters: names.map((name) => ({ option: 'r', name: `hmm.hmm_device_private.${name}` })),
    onEvent: () => {},
  });
  let step = harness.next();
  while (!step.done) step = harness.next();
  t.strictSame(step.value?.totals, { pass: 4, fail: 0, skip: 0 });
});

t.test('C is written with them', async (t) => {
  const text = dmirrorInterface(moved.uapi, 'a made-up kernel');
  t.match(text, /#define HMM_DMIRROR_READ +DMIRROR_REQUEST\(0x2a\)/);
  t.match(text, /#define HMM_DMIRROR_READ_UNLOCKED +DMIRROR_REQUEST\(0x21\)/);
});

t.test('behaviours bring and take ioctls, and leave the numbers of the others', async (t) => {
  t.strictSame(withBehaviours(moved, {}).uapi.nr, moved.uapi.nr);
  const { FLAGS, ...rest } = moved.uapi.nr;
  t.equal(FLAGS, 34);
  t.strictSame(withBehaviours(moved, { driverTakesFlags: false }).uapi.nr, rest);
  const lts = shifted(generationById('6.12')!);
  t.strictSame(withBehaviours(lts, { driverTakesFlags: true }).uapi.nr, { ...lts.uapi.nr, FLAGS: 8 });
});

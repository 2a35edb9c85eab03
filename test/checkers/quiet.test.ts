// SPDX-License-Identifier: GPL-2.0-only
/** When checkers run, what they are shown at the end of a machine's life, and who reports what they find. */
import t from 'tap';
import { scenarioLines } from '../../src/report/scenario-ktap.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { Shell } from '../../src/shell/shell.js';
import { UsageError } from '../../src/sim/errors.js';
import { WaitQueue } from '../../src/sim/executor.js';
import type { Task } from '../../src/sim/task.js';
import type { Sys } from '../../src/user/api.js';
import { atOnce, runSuite, suiteOfBodies } from '../selftests/run.js';
import { outside } from '../shell/outside.js';
import { Bench, findingOf } from './bench.js';

const ANON = ['mmap r0 4 rw', 'store r0 64'];
const LEAKED = 'refcount: page with pfn N: refcount 1, but 0 references are held';

function foundBy(action: () => unknown): string {
  try {
    action();
    return '';
  } catch (error) {
    return findingOf(error);
  }
}

t.test('a machine that checks does so after every system call, and only then', (t) => {
  for (const check of [false, true]) {
    const bench = new Bench(ANON, { check });
    bench.k.pages.alloc_page();
    const process = bench.machine.process(1)!;
    const call = foundBy(() => bench.machine.call(process, (sys) => sys.munmap(0, 4096)));
    t.equal(call, check ? LEAKED : '');
    t.equal(
      foundBy(() => bench.machine.check()),
      LEAKED,
      'asked for, it checks at once',
    );
  }
  t.end();
});

t.test('nothing is checked while somebody is inside the kernel', (t) => {
  const bench = new Bench(ANON);
  bench.k.pages.alloc_page();
  const queue = new WaitQueue();
  function* sleeper(where: string): Task {
    yield* queue.sleep(bench.k.executor, where);
  }
  bench.k.executor.spawn('kworker', sleeper('lock_page'), null);
  bench.machine.settle();
  t.equal(
    foundBy(() => bench.machine.check()),
    '',
  );
  queue.wakeAll(bench.k.executor);
  bench.k.executor.spawn('waiter', sleeper('do_wait'), null);
  bench.machine.settle();
  t.equal(
    foundBy(() => bench.machine.check()),
    LEAKED,
    'waitpid() keeps nothing',
  );
  t.end();
});

t.test('leakCheck() ends every process; then nothing is left', (t) => {
  const bench = new Bench(['open d0 0', ...ANON, 'migrate_to_dev d0 r0', 'fork p1', 'pin r0[1] write']);
  bench.machine.leakCheck();
  t.equal(bench.machine.process(1)!.alive, false);
  t.equal(bench.machine.process(2)!.alive, false);

  bench.k.mm_alloc();
  bench.k.newMapping('shmem', 4096);
  t.equal(
    foundBy(() => bench.machine.leakCheck()),
    'leak: no process is left, but 1 address spaces, 1 files with pages',
  );
  t.end();
});

t.test('what the kernel itself forgets is no leak of ours', (t) => {
  // An exclusive entry of a coherent page is taken for a migration entry when the page cannot be evicted.
  const steps = ['open d0 2', 'mmap r0 1 rw', 'migrate_to_dev d0 r0', 'exclusive d0 r0', 'close d0'];
  const bench = new Bench(steps);
  t.equal(bench.k.leakedReferences.length, 1);
  bench.machine.leakCheck();

  bench.k.leakedReferences.length = 0;
  t.match(
    foundBy(() => bench.machine.leakCheck()),
    /^refcount: MEMORY_DEVICE_COHERENT page .* 0 references are held$/,
  );
  t.end();
});

// --- who reports it -----------------------------------------------------------------------------------------

const document: ScenarioDocument = {
  name: 'leaks',
  kernel: '6.12',
  steps: [
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon', expect: { ret: 0 } },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 7 },
  ],
};

const forks: ScenarioDocument = {
  ...document,
  steps: [...document.steps, { op: 'fork', child: 'p1', expect: { ret: 0 } }, ...document.steps],
};

/** Machines that leak a page at every fork. */
class LeakyPool extends MachinePool {
  override acquire(setup: Parameters<MachinePool['acquire']>[0]) {
    const machine = super.acquire(setup);
    const spawn = machine.spawn.bind(machine);
    machine.spawn = (name) => {
      const process = spawn(name);
      const { kernel } = machine;
      const mm_alloc = kernel.mm_alloc.bind(kernel);
      kernel.mm_alloc = () => {
        kernel.pages.alloc_page();
        return mm_alloc();
      };
      return process;
    };
    return machine;
  }
}

t.test('a scenario fails with the finding, whatever it expects', (t) => {
  const run = runOn(new LeakyPool(), new Setups({ check: true }).of(forks), forks);
  t.equal(run.results.length, 3);
  t.match(run.results[2]!.violation, /^refcount: page with pfn 0x[0-9a-f]+: refcount 1, but 0 ref/);
  const failure = failureOf({ file: 'a.yaml', line: 1, document: forks }, run)!;
  t.equal(failure.step, 2);
  const lines = scenarioLines(1, { name: 'leaks', failure, notes: [] });
  t.equal(lines[0], 'not ok 1 leaks');
  t.match(lines[6], /^ {2}differs: 'violation: expected nothing, got "refcount: page with pfn /);
  t.end();
});

t.test('the shell shows it, and does not record it', (t) => {
  const saved: string[] = [];
  const shell = new Shell({
    source: new LeakyPool(),
    setup: new Setups({ check: true }).of({ kernel: '6.12' }),
    machineBlock: {},
    save: (_file, text) => saved.push(text),
    ...outside,
  });
  t.strictSame(shell.execute('mmap r0 1 rw'), ['{ ret: 0 }']);
  const [result, why, dead] = shell.execute('fork p1');
  t.match(result, /^\{ violation: "refcount: page with pfn /);
  t.match(why, /^# refcount: page with pfn /);
  t.equal(dead, '# the machine is dead; "undo" takes the last step back, "reset" starts a new one');
  t.throws(() => shell.execute('load r0'), UsageError);
  t.strictSame(shell.execute('save a.yaml'), ['saved 1 steps to a.yaml']);
  t.end();
});

t.test('the harness fails the test; the next gets a fresh machine', (t) => {
  let machines = 0;
  const suite = suiteOfBodies({
    tests: {
      *leaks({ sys }: { sys: Sys }) {
        yield* sys.munmap(0, 4096);
      },
      passes: atOnce(() => {}),
    },
  });
  const { lines, end } = runSuite(suite, {
    machine: () => {
      const { machine } = new Bench([], { check: true });
      if (machines++ === 0) machine.kernel.pages.alloc_page();
      return machine;
    },
  });
  t.equal(machines, 2);
  t.strictSame(end.totals, { pass: 1, fail: 1, skip: 0 });
  t.match(
    lines.find((line) => line.includes('Invariant')),
    /^# leaks: Invariant violated: refcount: page with pfn 0x[0-9a-f]+: refcount 1, but 0 references are held$/,
  );
  t.end();
});

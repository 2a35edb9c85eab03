// SPDX-License-Identifier: GPL-2.0-only
/** A driver that nothing above the drivers has heard of, beside test_hmm: whatever looks at pages takes it as it is. */
import t from 'tap';
import type { DriverCheckers } from '../../src/checkers/index.js';
import { test_hmm_checkers } from '../../src/checkers/test_hmm/index.js';
import { violation } from '../../src/checkers/violation.js';
import { explainedLines, explainScenario } from '../../src/explain/explain.js';
import { followedLines, followPage } from '../../src/explain/follow.js';
import { drawScenario } from '../../src/explain/show-grid.js';
import type { Machine } from '../../src/machine/machine.js';
import { loadable } from '../../src/machine/registry.js';
import { cellDetails, cellText } from '../../src/report/grid-cell.js';
import { addressOf } from '../../src/scenario/actor.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import type { Task } from '../../src/sim/task.js';
import { ENOENT } from '../../src/uapi/errno.js';
import { O_RDWR } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { observePage, pagePlace, placeText } from '../../src/watch/observe.js';
import { NODRV_MOVE, type Nodrv, nodrv } from './nodrv.js';

const range = { region: 'r0', page: 0, pages: 2 } as const;
const steps: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
  { op: 'store', ...range, word: 7 },
  { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...range },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
  { op: 'load', ...range },
];
const document: ScenarioDocument = { name: 'two drivers', kernel: '6.12', steps };
const setup = new Setups({ check: true }).of(document);
const ADDR = addressOf('r0', 1);
/** How often a session calls the process until the store is done: once to begin with, and once a step. */
const STORED = 4;

/** What the driver thinks of itself: it has been asked when `broken` shows. */
let broken = '';
const own: DriverCheckers<Nodrv> = {
  checkers: ({ name }) => ({
    self: () => {
      if (broken !== '') throw violation(name, broken);
    },
  }),
};

/** Never called: the type checker finds that these checkers are not for this driver. */
// @ts-expect-error -- a driver comes with its own checkers
export const mistaken = () => loadable(nodrv, test_hmm_checkers);

function bootBoth(): Machine {
  const machine = bootMachine(setup);
  t.equal(machine.insmod(loadable(nodrv, own), {}), 0);
  return machine;
}

function* move(sys: Sys): Task<number> {
  const fd = yield* sys.open('/dev/nodrv0', O_RDWR);
  const ret = yield* sys.ioctl(fd, NODRV_MOVE, ADDR);
  yield* sys.close(fd);
  return ret;
}

/** A machine on which the second page goes to nodrv behind the scenario's back, as soon as it has been stored to. */
function machineThatMoves(): Machine {
  const machine = bootBoth();
  const call = machine.call.bind(machine);
  let calls = 0;
  machine.call = (process, fn, limit) => {
    const value = call(process, fn, limit);
    if (++calls === STORED) t.equal(call(process, move), 0);
    return value;
  };
  return machine;
}

const pfns = (text: string): string => text.replaceAll(/pfn 0x[0-9a-f]+/g, 'pfn N');

/** Both machines alike; the page is on nodrv until the last step. */
const before: ScenarioDocument = { ...document, steps: steps.slice(0, -1) };

t.test('its page is its device’s', async (t) => {
  const machine = machineThatMoves();
  drawScenario(machine, setup, before);
  const { kernel } = machine;
  const { mm } = machine.process(1)!;
  const state = observePage(machine, mm!, ADDR);
  t.equal(pfns(placeText(pagePlace(state))), 'private on nodrv0 pfn N');
  const { drivers } = machine;
  t.same(state.devices, [{ device: drivers.deviceNamed('nodrv0'), access: 'rw' }]);
  const neighbour = observePage(machine, mm!, ADDR - 4096);
  t.same(neighbour.devices, [{ device: drivers.deviceNamed('hmm_dmirror0'), access: 'rw' }]);
  t.equal(drivers.backingOf(neighbour.page), kernel.mem.priv[neighbour.page]);
  t.equal(drivers.deviceOf(state.page), drivers.deviceNamed('nodrv0'));
  t.equal(drivers.backingOf(state.page), NO_PAGE, 'it holds its contents itself');
});

t.test('show', async (t) => {
  const { rows, device } = drawScenario(machineThatMoves(), setup, document);
  t.equal(device, 'hmm_dmirror0');
  const cells = rows.find(({ name }) => name === 'p0 r0[1]')!.cells;
  const [, , , snapshot, , loaded] = cells;
  t.equal(snapshot!.tone, 'private-remote', 'the minors are the same, the drivers are not');
  t.equal(cellText(snapshot!), 'P0 - 0rw');
  t.same(cellDetails(snapshot!).map(pfns), [
    'private on nodrv0 pfn N',
    'VMA rw private anon',
    'entry: device private write',
    'refcount 1, mapcount 1',
    'CPU: faults',
    'nodrv0: reads and writes',
  ]);
  t.equal(cellText(loaded!), 'S rw');
});

t.test('explain', async (t) => {
  const lines = [...explainScenario(machineThatMoves(), setup, document)].flatMap(explainedLines).map(pfns);
  t.same(lines.slice(lines.findIndex((line) => line.startsWith('step 3'))), [
    'step 3  p0 SNAPSHOT d0 r0[0..1]: ret 0, cpages 2, faults 0',
    '  r0[0]  WRITE  hmm_vma_handle_pte  system pfn N',
    '  r0[1]  NONE   hmm_vma_handle_pte  wrong owner, and a snapshot faults nothing in: private on nodrv0 pfn N',
    'step 4  p0 MIGRATE_TO_DEV d0 r0[0..1]: ret ENOENT',
    '  because dmirror_do_read: r0[1] is not in the device table',
    '  r0[0]  migrated  migrate_vma_pages        system pfn N -> private on hmm_dmirror0 pfn N',
    '  r0[1]  stays     migrate_vma_collect_pmd  device private page, not selected: on nodrv0',
    'step 5  p0 load r0[0..1]: 7, 8',
    '  r0[0]  loaded  dmirror_devmem_fault  brought back from hmm_dmirror0: system pfn N',
    '  r0[1]  loaded  nodrv_fault           brought back from nodrv0: system pfn N',
  ]);
});

t.test('explain --page', async (t) => {
  const followed = { process: 'p0', region: 'r0', page: 1 };
  const lines = [...followPage(machineThatMoves(), setup, document, followed)]
    .flatMap(followedLines)
    .map(pfns);
  t.same(
    lines.filter((line) => line.includes('nodrv')),
    ['  now  private on nodrv0 pfn N; refcount 1, mapcount 1; CPU faults; nodrv0 reads and writes'],
  );
});

t.test('the checkers count its pages, ask its own checkers, and nothing of it is left', async (t) => {
  const machine = machineThatMoves();
  drawScenario(machine, setup, before);
  machine.check();
  const { pagemap } = [...machine.drivers].find(({ name }) => name === 'nodrv') as Nodrv;
  pagemap.ref++;
  t.throws(() => machine.check(), {
    message: `device pages: nodrv0, chunk at page ${pagemap.firstPage}: 3 references of the pagemap, but 1 pages in use`,
  });
  pagemap.ref--;
  broken = 'something';
  t.throws(() => machine.check(), { message: 'nodrv: something' });
  broken = '';
  machine.leakCheck();
});

t.test('it goes when its pages are free, and test_hmm stays', async (t) => {
  const machine = machineThatMoves();
  drawScenario(machine, setup, before);
  t.throws(() => machine.unloadModule('nodrv'), { name: 'Hang', where: 'memunmap_pages' });

  const again = bootBoth();
  t.equal(again.insmod(loadable(nodrv, own), {}), 0, 'nothing is done for what is loaded');
  t.same(
    again.dmesg.filter((line) => line.startsWith('nodrv')),
    ['nodrv: loaded'],
  );
  again.unloadModule('nodrv');
  t.same(
    [...again.drivers].map(({ name }) => name),
    ['gup_test', 'page_holder', 'test_hmm'],
  );
  const open = (path: string): number => again.call(again.spawn('p'), (sys) => sys.open(path, O_RDWR));
  t.equal(open('/dev/nodrv0'), -ENOENT);
  t.equal(open('/dev/hmm_dmirror0'), 3);
});

t.test('modprobe of what there is not, and of what is there', async (t) => {
  const machine = bootBoth();
  t.throws(() => machine.loadModule('test_hm', {}), {
    name: 'UsageError',
    message: 'modprobe: unknown module "test_hm" (did you mean "test_hmm"?)',
  });
  t.equal(machine.loadModule('test_hmm', {}), 0, 'loaded already');
});

// SPDX-License-Identifier: GPL-2.0-only
/** Explanations, word for word, and that explaining changes nothing. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { explainScenario } from '../../src/scenario/explain.js';
import { followPage, parseFollowed } from '../../src/scenario/explain-follow.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/scenario/machine-pool.js';
import { answerText, stepText } from '../../src/scenario/place.js';
import { runOn } from '../../src/scenario/runner.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { type MachineSetup, Setups } from '../../src/scenario/setup.js';
import { UsageError } from '../../src/sim/errors.js';
import type { Machine } from '../../src/user/machine.js';

const setups = new Setups();
const machines = new MachinePool();

type Describe = (machine: Machine, setup: MachineSetup) => Iterable<string[]>;

function describe(document: ScenarioDocument, lines: Describe): string[] {
  const setup = setups.of(document);
  const machine = machines.acquire(setup) as Machine;
  const described = [...lines(machine, setup)].flat();
  machines.release(machine);
  return described;
}

function explained(document: ScenarioDocument, step?: number): string[] {
  const options = step === undefined ? {} : { step };
  return describe(document, (machine, setup) => explainScenario(machine, setup, document, options));
}

t.test('a full device', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd2', device: 2 },
    { ...range, op: 'mmap', pages: 65537, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd2', page: 0, pages: 65536 },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd2', page: 65535, pages: 2 },
  ];
  t.same(explained({ name: 'full', kernel: '6.12', steps }, 3), [
    'step 3  p0 MIGRATE_TO_DEV d2 r0[65535..65536]: ret ENOENT',
    '  because dmirror_do_read: r0[65536] is not in the device table',
    '  r0[65535]  stays  migrate_vma_collect_pmd    device coherent page, not selected: on hmm_dmirror2',
    '  r0[65536]  stays  dmirror_devmem_alloc_page  device full',
  ]);
});

t.test('the pages of --page', async (t) => {
  t.same(parseFollowed('r0[3]', '--page'), { process: 'p0', region: 'r0', page: 3 });
  t.same(parseFollowed('p1:r20[0]', '--page'), { process: 'p1', region: 'r20', page: 0 });
  t.throws(
    () => parseFollowed('r0', '--page'),
    new UsageError('"r0" is not a page (expected r0[3], or p1:r0[3])', '--page'),
  );
});

/** What explanations and watched runs begin each step with. */
function headings(document: ScenarioDocument): string[] {
  const { results } = runOn(machines, setups.of(document), document);
  return results.map((result, i) => `step ${i}  ${stepText(document.steps[i]!)}: ${answerText(result)}`);
}

const isHeading = (line: string): boolean => line.startsWith('step ');

t.test('explaining and watching change no answer, and leave no page unexplained', async (t) => {
  for (const kernel of ['6.12']) {
    const file = `test/golden/${kernel}/curated.jsonl.gz`;
    const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
    for (const { document } of documents) {
      const wanted = headings(document);
      const lines = explained(document);
      t.same(lines.filter(isHeading), wanted, `${kernel} ${document.name}, explained`);
      const page = parseFollowed('r0[0]', '--page');
      const followed = describe(document, (machine, setup) => followPage(machine, setup, document, page));
      t.same(followed.filter(isHeading), wanted, `${kernel} ${document.name}, followed`);
      t.same(
        lines.filter((line) => /^ {2}r\d+\[\d+\] +(stays +\S+|not reached|fails +\S+)$/.test(line)),
        [],
        'every page that did not do what was asked has a reason',
      );
    }
  }
});

// SPDX-License-Identifier: GPL-2.0-only
/** Scenario documents for programs. */
import t from 'tap';
import {
  compareScenario,
  explainScenario,
  loadScenarios,
  recordTest,
  runScenario,
  scenarioYaml,
  shrinkScenario,
} from '../../src/index.js';

const TEXT = `name: there-and-back
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 2, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 1, word: 5 }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 2, expect: { ret: 0, cpages: 2 } }
  - { op: load, region: r0, page: 0, pages: 1, expect: { pages: [6] } }
`;

t.test('load: documents, or the first mistake with its place', async (t) => {
  const [document] = loadScenarios(TEXT, 'x.yaml');
  t.equal(document!.name, 'there-and-back');
  t.strictSame(loadScenarios(JSON.stringify(document)), [document]);
  t.throws(() => loadScenarios(TEXT.replace('op: open', 'op: opne'), 'x.yaml'), {
    name: 'UsageError',
    message: /^x\.yaml:4:\d+: .*opne/,
  });
});

t.test('run, and what differs', async (t) => {
  const [document] = loadScenarios(TEXT);
  const run = runScenario(document!);
  t.match(run, { passed: false, differs: ['step 4: pages[0]: expected 6, got 5'] });
  t.match(run.results[3], { ret: 0, cpages: 2 });
  t.match(runScenario(document!, { bugs: ['migrate-to-ram-result-dropped'] }).passed, false);
});

t.test('compare two kernels', async (t) => {
  const [thp] = loadScenarios(`name: thp
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 512, prot: rw, share: private, backing: anon }
  - { op: madvise, region: r0, page: 0, pages: 512, advice: hugepage }
  - { op: store, region: r0, page: 0, pages: 4, word: 64 }
  - { op: ioctl, cmd: EXCLUSIVE, fd: d0, region: r0, page: 0, pages: 4 }
`);
  t.match(compareScenario(thp!, { kernel: '6.12' }, { kernel: '6.12', fixes: ['exclusive-thp-tail'] }), [
    { step: 4, run: { op: 'ioctl' }, a: { ret: 'EBUSY' }, b: { ret: 0 } },
  ]);
  t.strictSame(compareScenario(thp!, { kernel: '6.12' }, { kernel: '6.1' }), []);
});

t.test('explain, as lines and as data', async (t) => {
  const [document] = loadScenarios(TEXT);
  const steps = explainScenario(document!);
  t.equal(steps.length, 5);
  t.match(steps[3]!.lines.join('\n'), /migrated/);
  t.match(steps[3]!.data, {
    name: 'there-and-back',
    kernel: '6.12',
    step: 3,
    pages: [{ verdict: 'migrated' }],
  });
});

t.test('shrink, and write what is left', async (t) => {
  const [document] = loadScenarios(TEXT);
  const small = shrinkScenario(document!);
  t.ok(small.steps.length < 5, `${small.steps.length} steps`);
  t.strictSame(loadScenarios(scenarioYaml(small)), [small]);
  t.equal(runScenario(small).passed, false);
  const met = { ...document!, steps: document!.steps.slice(0, 4) };
  t.throws(() => shrinkScenario(met), { message: /^--while: nothing is wrong/ });
});

t.test('record a test of the suite', async (t) => {
  const document = recordTest('hmm.hmm_device_private.migrate', { kernel: '6.12' });
  t.match(document, { kernel: '6.12' });
  t.match(runScenario(document), { passed: true, differs: [] });
  t.throws(() => recordTest('hmm.hmm_device_private.migrat', { kernel: '6.12' }), {
    message:
      'recordTest: there is no test "hmm.hmm_device_private.migrat" (did you mean "hmm.hmm_device_private.migrate"?)',
  });
});

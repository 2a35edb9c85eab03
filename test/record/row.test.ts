// SPDX-License-Identifier: GPL-2.0-only
/** Tests in a row are one document: what a test leaves on the machine, the next one finds there, too. */
import t from 'tap';
import { moduleAt } from '../../src/machine/defaults.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { RowRecorder } from '../../src/record/row.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { ADDRESSES, readBack, unmet } from './recorded.js';

const on = (test: string) => `hmm.hmm_device_coherent.${test}`;

/** The document, and the codes of the tests, by their names. */
function inARow(kernel: string, bugs: readonly string[], tests: readonly string[]) {
  const description = describeMachine({
    kernel,
    seed: 0,
    thp: 'always',
    module: moduleAt(ADDRESSES[1]!),
    bugs,
  });
  const documents: ScenarioDocument[] = [];
  const observer = new RowRecorder(description, (document) => documents.push(document));
  const machine = (): Machine => {
    const booted = Machine.bootAs(description);
    observer.loaded(booted.loadModule(description.module!.name, description.module!.params));
    return booted;
  };
  const codes: Record<string, number> = {};
  const suite = hmmTests(description.generation);
  const filters = tests.map((name) => ({ option: 'r', name }) as const);
  for (const { name, code } of test_harness_run({ suite, machine, filters, observer, onEvent() {} }))
    codes[name] = code;
  t.equal(documents.length, 0, 'nothing before the end');
  observer.end();
  return { document: readBack(documents[0]!), codes };
}

const answers = ({ steps }: ScenarioDocument, cmd: string) =>
  steps.flatMap((step) => (step.op === 'ioctl' && step.cmd === cmd ? [[step.as, step.expect]] : []));

const again = (document: ScenarioDocument) => unmet(new Map([[document.name, { document, code: 0 }]]));

t.test('what migrate_release gives back is made anew by the next test, and a third gets nothing', (t) => {
  const tests = ['migrate_release', 'migrate_multiple', 'hmm_gup_test'].map(on);
  const { document, codes } = inARow('7.3', [], tests);
  t.strictSame(codes, { [tests[0]!]: 0, [tests[1]!]: 1, [tests[2]!]: 1 });
  t.equal(document.name, tests[2]);
  t.equal(
    document.source,
    `recorded: smoke -r ${tests[0]} -r ${tests[1]} -r ${tests[2]} on simulated 7.3; r0..r2 are buffer->ptr; r3 and r4 are buffer->mirror; r5 has buffer->mirror`,
  );
  t.strictSame(answers(document, 'MIGRATE_TO_DEV'), [
    ['p1', { ret: 0, cpages: 1024, faults: 0 }],
    ['p2', { ret: 0, cpages: 1024, faults: 0 }],
    ['p3', { ret: 'ENOENT' }],
  ]);
  t.strictSame(
    document.steps.flatMap((step) => (step.op === 'fork' ? [[step.as, step.child]] : [])),
    ['p1', 'p2', 'p3'].map((child) => ['p0', child]),
  );
  t.strictSame(again(document), {}, 'and so it goes again');
  t.end();
});

t.test('children of tests are called after them', (t) => {
  const { document } = inARow('7.3', [], ['open_close', 'anon_write_child_shared', 'migrate'].map(on));
  const forks = document.steps.flatMap((step) => (step.op === 'fork' ? [`${step.as} ${step.child}`] : []));
  t.strictSame(forks, ['p0 p1', 'p0 p2', 'p2 p3', 'p0 p4']);
  t.strictSame(again(document), {});
  t.end();
});

t.test('an oops is the end of it, though the machine goes on', (t) => {
  const tests = ['migrate_release', 'migrate_multiple', 'migrate_anon_huge_err', 'userfaultfd_read'].map(on);
  const { document, codes } = inARow('7.3', [], tests);
  t.strictSame(Object.values(codes), [0, 1, 1, 0]);
  t.equal(document.name, tests[2]);
  t.strictSame(answers(document, 'MIGRATE_TO_DEV').at(-1), ['p3', { oops: 'dmirror_migrate_to_device' }]);
  t.match(document.source, /, without the tests after its oops/);
  t.strictSame(again(document), {});
  t.end();
});

t.test('where an oops leaves no machine, it begins anew behind it', (t) => {
  const tests = ['migrate_fault', 'migrate_release', 'migrate_shared'].map(on);
  const here = tests.map((name) => name.replace('coherent', 'private'));
  const { document, codes } = inARow('6.12', ['private-subpage-from-entry'], here);
  t.strictSame(Object.values(codes), [0, 1, 0]);
  t.equal(document.source?.split(';')[0], `recorded: smoke -r ${here[2]} on simulated 6.12`);
  t.strictSame(again(document), {});
  t.end();
});

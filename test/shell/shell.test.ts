// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import type { MachineSource } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { Shell, type ShellOptions } from '../../src/shell/shell.js';
import { KernelBug } from '../../src/sim/errors.js';
import { ENOENT } from '../../src/uapi/errno.js';
import { type Answer, FakeMachine } from '../session/fake-machine.js';
import { outside } from './outside.js';

function start(answer?: Answer, spm: string[] = [], more: Partial<ShellOptions> = {}) {
  const files = new Map<string, string>();
  const source: MachineSource = { acquire: () => new FakeMachine(answer), release: () => {} };
  const machine = { spm };
  const shell = new Shell({
    source,
    setup: new Setups().of({ kernel: '6.12', machine }),
    machineBlock: machine,
    save: (file, text) => files.set(file, text),
    ...outside,
    ...more,
  });
  return { shell, files };
}

t.test('long answers are told, and saved, with runs once', (t) => {
  const { shell, files } = start();
  t.strictSame(shell.execute('mmap r0 12').length, 1);
  t.strictSame(shell.execute('load r0'), ['{ pages: [ 0 x12 ] }']);
  shell.execute('save a.yaml');
  t.match(files.get('a.yaml'), '- load r0: { pages: [ 0 x12 ] }');
  t.end();
});

t.test('commands answer with their result; saving writes them as a document', (t) => {
  const { shell, files } = start(undefined, ['0x100000000', '0x140000000']);
  t.strictSame(shell.execute('open d0 0'), ['{ ret: 0 }']);
  t.strictSame(shell.execute('mmap r0 2 rw'), ['{ ret: 0 }']);
  t.strictSame(shell.execute('store r0 64'), ['{ pages: [ ok, ok ] }']);
  t.strictSame(shell.execute('load r0'), ['{ pages: [ 64, 65 ] }']);
  t.strictSame(shell.execute('# nothing'), []);
  t.strictSame(shell.execute('save a.yaml'), ['saved 4 steps to a.yaml']);
  t.equal(
    files.get('a.yaml'),
    `# yaml-language-server: $schema=hmm-sim.schema.json
name: a
kernel: "6.12"
source: "simulated: 6.12"
machine: { spm: [ "0x100000000", "0x140000000" ] }
steps:
  - open d0 0: { ret: 0 }
  - mmap r0 2 rw: { ret: 0 }
  - store r0 64: { pages: [ ok, ok ] }
  - load r0: { pages: [ 64, 65 ] }
`,
  );
  t.strictSame(load(files.get('a.yaml')!, 'a.yaml', 'yaml').mistakes, []);
  t.end();
});

t.test('processes: fork, as, the prompt, completion', (t) => {
  const { shell } = start();
  t.equal(shell.prompt, 'p0> ');
  t.throws(() => shell.execute('as p1'), { message: 'there is no process p1; fork makes one' });
  shell.execute('fork p1');
  shell.execute('as p1');
  t.equal(shell.prompt, 'p1> ');
  t.strictSame(shell.complete('as p'), [['p0', 'p1'], 'p']);
  t.strictSame(shell.execute('as p0 exit'), ['{ ret: 0 }']);
  t.strictSame(shell.complete('as p'), [['p1'], 'p']);
  t.strictSame(shell.execute('as p0 unpin'), ['{ ret: ESRCH }']);
  t.end();
});

t.test('an oops ends the machine, and reset brings a new one', (t) => {
  const { shell, files } = start(({ name }) => {
    if (name === 'munmap') throw new KernelBug('dmirror_do_read', 'unaddressable page');
    return undefined;
  });
  t.strictSame(shell.execute('munmap r0[0]'), [
    '{ oops: dmirror_do_read }',
    '# dmirror_do_read: unaddressable page',
    '# the machine is dead; "undo" takes the last step back, "reset" starts a new one',
  ]);
  t.throws(() => shell.execute('unpin'), {
    message: 'the machine is dead; "undo" takes the last step back, "reset" starts a new one',
  });
  t.throws(() => shell.execute('maps'), {
    message: 'the machine is dead; "undo" takes the last step back, "reset" starts a new one',
  });
  shell.execute('save a.yaml');
  t.match(files.get('a.yaml'), '- munmap r0[0]: { oops: dmirror_do_read }\n');
  t.strictSame(shell.execute('reset'), ['a fresh machine; the recorded steps are gone']);
  t.strictSame(shell.execute('unpin'), ['{ ret: 0 }']);
  t.end();
});

t.test('lsmod, maps and quit', (t) => {
  const spm = ['0x100000000', '0x140000000'];
  const { shell } = start(({ name, args }, machine) => {
    if (name !== 'read') return undefined;
    const text = '200000000000-200000001000 rw-p 00000000 00:00 0\n';
    const first = machine.calls.filter((call) => call.name === 'read').length === 1;
    machine.memory.write(args[1] as number, new TextEncoder().encode(text));
    return first ? text.length : 0;
  }, spm);
  t.strictSame(shell.execute('lsmod'), [
    'Module      Parameters',
    'test_hmm    spm_addr_dev0=0x100000000 spm_addr_dev1=0x140000000',
  ]);
  t.strictSame(shell.execute('maps'), ['200000000000-200000001000 rw-p 00000000 00:00 0']);
  t.equal(shell.done, false);
  t.strictSame(shell.execute('quit'), []);
  t.equal(shell.done, true);
  const none = start(({ name, args }) =>
    name === 'open' && args[0] === '/proc/self/maps' ? -ENOENT : undefined,
  );
  t.throws(() => none.shell.execute('maps'), { message: '/proc/self/maps: ENOENT' });
  t.strictSame(none.shell.execute('lsmod'), ['Module      Parameters', 'test_hmm']);
  t.end();
});

t.test('undo replays all but the last step, also after an oops', (t) => {
  const { shell, files } = start(({ name }) => {
    if (name === 'munmap') throw new KernelBug('dmirror_do_read', 'unaddressable page');
    return undefined;
  });
  t.throws(() => shell.execute('undo'), { message: 'no step was taken yet' });
  shell.execute('mmap r0 2');
  shell.execute('fork p1');
  shell.execute('as p1');
  shell.execute('munmap r0');
  t.throws(() => shell.execute('unpin'), { message: /^the machine is dead/ });
  t.strictSame(shell.execute('undo'), ['undone: p1 munmap r0[0..1]; 2 steps are left']);
  t.equal(shell.prompt, 'p1> ');
  t.strictSame(shell.execute('unpin'), ['{ ret: 0 }']);
  shell.execute('undo');
  t.strictSame(shell.execute('undo'), ['undone: p0 fork child=p1; 1 step is left']);
  t.equal(shell.prompt, 'p0> ', 'p1 is no more');
  t.strictSame(shell.execute('load r0'), ['{ pages: [ 0, 0 ] }'], 'regions are known again');
  shell.execute('save a.yaml');
  t.match(files.get('a.yaml'), /steps:\n {2}- mmap r0 2: \{ ret: 0 \}\n {2}- load r0: /);
  t.end();
});

t.test('what nobody can mean is refused', (t) => {
  const { shell } = start();
  const mistakes: Record<string, string> = {
    'as p7 unpin': 'there is no process p7 before a fork makes it; there are p0',
    'fork p0': 'p0 is the first process; expected a process that is new',
    'mmap r0 1': 'something is mapped at r0[0] already; say "replace: true" (MAP_FIXED) to map over it',
  };
  shell.execute('mmap r0 2');
  for (const [line, message] of Object.entries(mistakes))
    t.throws(() => shell.execute(line), { message }, line);
  t.strictSame(shell.execute('mmap r0 1 replace'), ['{ ret: 0 }']);
  t.end();
});

t.test('looking back: the document of the session, with its machine', (t) => {
  const seen: unknown[] = [];
  const view = (...args: unknown[]): string[] => [`seen ${seen.push(args)}`];
  const { shell } = start(undefined, [], { views: { why: view, page: view, show: view } });
  for (const line of ['why', 'show', 'page r0[0]']) {
    t.throws(() => shell.execute(line), { message: 'no step was taken yet' });
  }
  shell.execute('fork p1');
  shell.execute('as p1');
  t.strictSame(shell.execute('why'), ['seen 1']);
  t.strictSame(shell.execute('page r0[0]'), ['seen 2']);
  t.strictSame(shell.execute('page p0:r0[0]'), ['seen 3']);
  t.strictSame(shell.execute('show'), ['seen 4']);
  const steps = [{ as: 'p0', op: 'fork', child: 'p1' }];
  const document = {
    name: 'session',
    kernel: '6.12',
    source: 'simulated: 6.12',
    machine: { spm: [] },
    steps,
  };
  const setups = seen.map((args) => (args as [{ generation: { id: string } }])[0].generation.id);
  t.strictSame(setups, ['6.12', '6.12', '6.12', '6.12']);
  t.strictSame(
    seen.map((args) => (args as unknown[]).slice(1)),
    [[document, false], [document, 'p1:r0[0]'], [document, 'p0:r0[0]'], [document]],
  );
  t.end();
});

t.test('load goes on from a document, in its words', (t) => {
  const text =
    'name: mine\nkernel: "6.1"\nsteps:\n  - mmap r0 2: { ret: ENOMEM }\n  - { op: load, region: "r0[0]" }\n';
  const open: ShellOptions['open'] = (file, name, kernel) => {
    t.strictSame([file, name, kernel], ['mine.yaml', undefined, '6.12']);
    const { document, written } = load(text, file, 'yaml').documents[0]!;
    return { document, written, setup: new Setups().of(document) };
  };
  const { shell, files } = start(undefined, [], { open });
  shell.execute('unpin');
  t.strictSame(shell.execute('load mine.yaml'), [
    '0  p0 mmap r0[0..1] prot=rw share=private backing=anon: ret 0',
    '1  p0 load r0[0]: 0',
    '# step 0 ret: expected "ENOMEM", got 0',
    'loaded "mine" on 6.1',
  ]);
  t.strictSame(shell.complete('load '), [['r0'], '']);
  shell.execute('LOAD r0');
  shell.execute('save a.yaml');
  t.equal(
    files.get('a.yaml'),
    `# yaml-language-server: $schema=hmm-sim.schema.json
name: mine
kernel: "6.1"
source: "simulated: 6.1"
steps:
  - mmap r0 2: { ret: 0 }
  - { op: load, region: "r0[0]", expect: { pages: [ 0 ] } }
  - LOAD r0: { pages: [ 0, 0 ] }
`,
  );
  t.end();
});

t.test('a step may say what it expects', (t) => {
  const { shell } = start();
  t.strictSame(shell.execute('- unpin: { ret: EINVAL }'), ['{ ret: 0 }', '# ret: expected "EINVAL", got 0']);
  t.strictSame(shell.execute('save a'), ['saved 1 steps to a']);
  t.strictSame(shell.execute('help unpin')[0], 'unpin                     drop that pin');
  t.end();
});

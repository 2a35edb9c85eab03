// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import type { MachineSource } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { Shell } from '../../src/shell/shell.js';
import { KernelBug } from '../../src/sim/errors.js';
import { ENOENT } from '../../src/uapi/errno.js';
import { type Answer, FakeMachine } from '../session/fake-machine.js';

function start(answer?: Answer, spm: string[] = []) {
  const files = new Map<string, string>();
  const source: MachineSource = { acquire: () => new FakeMachine(answer), release: () => {} };
  const machine = { spm };
  const shell = new Shell({
    source,
    setup: new Setups().of({ kernel: '6.12', machine }),
    machineBlock: machine,
    save: (file, text) => files.set(file, text),
  });
  return { shell, files };
}

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
    `name: session
kernel: "6.12"
source: "simulated: 6.12"
machine: { spm: [ "0x100000000", "0x140000000" ] }
steps:
  - { as: p0, op: open, fd: d0, device: 0, expect: { ret: 0 } }
  - { as: p0, op: mmap, region: r0, pages: 2, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { as: p0, op: store, region: r0, page: 0, pages: 2, word: 64, expect: { pages: [ ok, ok ] } }
  - { as: p0, op: load, region: r0, page: 0, pages: 2, expect: { pages: [ 64, 65 ] } }
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
    '# the machine is dead; "reset" starts a new one',
  ]);
  t.throws(() => shell.execute('unpin'), { message: 'the machine is dead; "reset" starts a new one' });
  t.throws(() => shell.execute('maps'), { message: 'the machine is dead; "reset" starts a new one' });
  shell.execute('save a.yaml');
  t.match(files.get('a.yaml'), 'expect: { oops: dmirror_do_read }');
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

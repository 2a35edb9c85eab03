// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim smoke --record` and `shrink suite:TEST`, word for word. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const MIXEDMAP = `# yaml-language-server: $schema=hmm-sim.schema.json
name: hmm.hmm_device_private.mixedmap
kernel: "6.12"
source: "recorded: smoke -r hmm.hmm_device_private.mixedmap on simulated 6.12; r0 is buffer->ptr; r1 has buffer->mirror"
machine: { spm: [] }
steps:
  - { op: mmap, region: r1, pages: 256, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { op: open, fd: d0, device: 0, expect: { ret: 0 } }
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: device, fd: d0, expect: { ret: 0 } }
  - { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 1, buffer: { region: r1, page: 0, offset: 112 }, expect: { ret: 0, cpages: 1, faults: 0, perm: [ READ ] } }
  - { op: munmap, region: r0, page: 0, pages: 1, expect: { ret: 0 } }
  - { op: close, fd: d0, expect: { ret: 0 } }
  - { op: exit, expect: { ret: 0 } }
`;

const NAME = 'hmm.hmm_device_private.mixedmap';
const KERNEL = ['--kernel', '6.12', '--seed', '0'];

t.test('one test in a file; the output is as without', async (t) => {
  const file = join(t.testdir({}), 'mixedmap.yaml');
  const plain = hmmSim('smoke', ...KERNEL, '-r', NAME);
  t.strictSame(hmmSim('smoke', ...KERNEL, '-r', NAME, '--record', file), plain);
  t.equal(readFileSync(file, 'utf8'), MIXEDMAP);
  t.match(hmmSim('run', file), { status: 0, stdout: 'pass:1 fail:0' });
  t.match(hmmSim('run', '--bug', 'mixedmap-rejected', file), { status: 1, stdout: 'step: 3\n' });
  t.match(hmmSim('explain', '--step', '3', file), {
    status: 0,
    stdout: 'SNAPSHOT d0 r0[0] buffer=r1[0]: ret 0',
  });
});

t.test('many in a directory, on the machine of the command line', async (t) => {
  const directory = join(t.testdir({}), 'new');
  const machine = ['--seed', '5', '--hugepages', '3', '--thp', 'always', '0x100000000', '0x140000000'];
  hmmSim('smoke', ...machine, '-f', 'hmm2', '--record', directory);
  const files = ['hmm2.double_map.yaml', 'hmm2.migrate_mixed.yaml', 'hmm2.snapshot.yaml'];
  t.strictSame(readdirSync(directory), files);
  const text = readFileSync(join(directory, files[2]!), 'utf8');
  t.match(text, 'machine: { spm: [ "0x100000000", "0x140000000" ], hugepages: 3, thp: always, seed: 5 }\n');
  t.match(hmmSim('run', directory), { status: 0, stdout: 'pass:3 fail:0' });
});

const NODES = `# yaml-language-server: $schema=hmm-sim.schema.json
name: cdm.disk.device_faults_in
kernel: rfc-cdm
source: "recorded: smoke -r cdm.disk.device_faults_in on simulated rfc-cdm"
machine: { spm: [], nodes: 2 }
steps:
  - { op: open, fd: d0, device: coherent_node, expect: { ret: 0 } }
  - { op: mmap, region: r0, pages: 4, prot: rw, share: shared, backing: disk, expect: { ret: 0 } }
  - { op: mmap, region: r1, pages: 4, prot: rw, share: private, backing: anon, expect: { ret: 0 } }
  - { op: store, region: r1, page: 0, pages: 4, word: 3, step: 1, expect: { pages: [ ok x4 ] } }
  - { op: driver, fd: d0, command: WRITE, region: r0, page: 0, pages: 4, buffer: { region: r1, page: 0 }, expect: { ret: 0, cpages: 4 } }
  - { op: move_pages, region: r0, page: 0, pages: 4, expect: { ret: 0, nodes: [ 0 x4 ] } }
  - { op: load, region: r0, page: 0, pages: 4, word: 3, step: 1, expect: { pages: [ ok x4 ] } }
  - { op: close, fd: d0, expect: { ret: 0 } }
  - { op: exit, expect: { ret: 0 } }
`;

t.test('a device that is a node, and policies', async (t) => {
  const directory = join(t.testdir({}), 'new');
  const [name, twice] = ['cdm.disk.device_faults_in', 'cdm_file.disk.readers_of_a_file'];
  const interleave = 'cdm.anonymous.interleave_deals_out';
  const tests = [name, twice, interleave].flatMap((one) => ['-r', one]);
  hmmSim('smoke', '--kernel', 'rfc-cdm', '--seed', '0', ...tests, '--record', directory);
  t.strictSame(readdirSync(directory), [interleave, name, twice].map((one) => `${one}.yaml`).sort());
  t.equal(readFileSync(join(directory, `${name}.yaml`), 'utf8'), NODES);
  t.match(
    readFileSync(join(directory, `${twice}.yaml`), 'utf8'),
    '{ op: mmap, region: r0, page: 4, pages: 4, prot: rw, share: shared, backing: disk, expect: { ret: 0 } }',
    'a second mapping of the file is beside the first one',
  );
  t.match(
    readFileSync(join(directory, `${interleave}.yaml`), 'utf8'),
    /op: mbind, region: r0, page: \d+, pages: 8, policy: interleave, nodes: \[ 0, 1 \], expect: \{ ret: 0 \} \}/,
  );
  t.match(hmmSim('run', directory), { status: 0, stdout: 'pass:3 fail:0' });
});

t.test('a module that does not load is expected not to', async (t) => {
  const directory = t.testdir({});
  const bug = ['--bug', 'coherent-minor-unset', '0x100000000', '0x140000000'];
  hmmSim('smoke', ...KERNEL, ...bug, '-r', NAME, '--record', directory);
  const file = join(directory, `${NAME}.yaml`);
  t.match(
    readFileSync(file, 'utf8'),
    'load: { ret: ENOMEM }\nsteps:\n  - { op: open, fd: d0, device: 0, expect: { ret: ENOENT } }\n',
  );
  t.match(hmmSim('run', file), { status: 0, stdout: 'pass:1 fail:0' });
});

t.test('several tests in one file, one after another', async (t) => {
  const file = join(t.testdir({}), 'row.yaml');
  const plain = hmmSim('smoke', ...KERNEL, '-f', 'hmm2');
  t.strictSame(hmmSim('smoke', ...KERNEL, '-f', 'hmm2', '--record', file), plain);
  t.match(hmmSim('run', file), { status: 0, stdout: 'pass:1 fail:0' });
  const forks = readFileSync(file, 'utf8').match(/as: p0, op: fork, child: p[1-6],/g);
  t.equal(forks?.length, 6);
});

t.test('what cannot be recorded, or written, is said before anything runs', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  const said = (...args: string[]) => {
    const { status, stdout, stderr } = hmmSim('smoke', ...args);
    t.strictSame([status, stdout], [64, '']);
    return stderr;
  };
  t.equal(said('--record', file), `hmm-sim: --record: cannot write ${file}: there is a file of that name\n`);
  t.equal(
    said('--suite', 'kfdtest', '--record', 'x'),
    'hmm-sim: --record: what kfdtest asks of its driver are no steps of scenarios\n',
  );
  t.equal(said('--record', '/no/x'), 'hmm-sim: --record: cannot write /no/x: no such directory\n');
});

t.test('any machine of the command line', async (t) => {
  const file = join(t.testdir({}), 'a.yaml');
  const says = (block: string, ...machine: string[]) => {
    hmmSim('smoke', ...KERNEL, ...machine, '-r', NAME, '--record', file);
    t.match(readFileSync(file, 'utf8'), `\nmachine: ${block}\n`);
    t.match(hmmSim('run', file), { status: 0, stdout: 'pass:1 fail:0' });
  };
  says('{ spm: [], schedule: random }', '--schedule', 'random');
  const fake = ['--efi-fake-mem', '0x30200000@0x140000000:0x40000,1G@0x100000000:0x40000'];
  says('{ spm: [], efiFakeMem: [ 1G@0x100000000:0x40000, 770M@0x140000000:0x40000 ] }', ...fake);
  const both = ['0x100000000', '0x140000000'];
  const spm = 'spm: [ "0x100000000", "0x140000000" ]';
  says(`{ ${spm}, spmMemory: false, memory: 4294967296 }`, '--no-spm-memory', '--memory', '4G', ...both);
  says(`{ ${spm}, module: false }`, '--no-module', ...both);
});

t.test('shrink suite:TEST keeps what only the bug does', async (t) => {
  const args = ['--kernel', 'v5-generic', '--bug', 'generic-forced-private'];
  t.strictSame(hmmSim('shrink', 'suite:hmm2.snapshot', ...args), {
    status: 0,
    stdout: `# yaml-language-server: $schema=hmm-sim.schema.json
name: hmm2.snapshot
kernel: v5-generic
source: 'shrunk from suite:hmm2.snapshot, 20 steps: step 15 expects perm "DEV_GENERIC|WRITE", gets "DEV_PRIVATE_LOCAL|WRITE"'
machine: { bugs: [ generic-forced-private ] }
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: anon }
  - { op: ioctl, cmd: MIGRATE, fd: d0, region: r0, page: 0, pages: 1, toDevice: true }
  - { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 1, expect: { perm: [ DEV_GENERIC|WRITE ] } }
`,
    stderr:
      'shrinking 20 steps: step 15 expects perm "DEV_GENERIC|WRITE", gets "DEV_PRIVATE_LOCAL|WRITE"\n4 steps are left after 85 runs\n',
  });
  t.match(hmmSim('shrink', 'suite:hmm2.snapshop'), { status: 64, stderr: 'did you mean "hmm2.snapshot"?' });
});

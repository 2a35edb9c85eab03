// SPDX-License-Identifier: GPL-2.0-only
/** --machine mm-ci, in every command that takes it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { scenarioOf } from '../../src/fuzz/campaign.js';
import { bin, execute, hmmSim } from './hmm-sim.js';

const CI = ['--machine', 'mm-ci'];

/** What the last of these tests does kills a kernel that has this bug. */
const DYING = ['--kernel', '6.12', '--seed', '1', '--bug', 'private-subpage-from-entry'];
const TESTS = ['-t', 'migrate', '-t', 'migrate_release', '-t', 'anon_read'];

t.test('smoke: the first oops is the end of the run', async (t) => {
  const { status, stdout } = hmmSim('smoke', ...DYING, ...TESTS, ...CI, '--dmesg');
  t.equal(status, 1);
  const lines = stdout.split('\n');
  t.equal(lines.filter((line) => line.startsWith('ok ')).length, 2);
  t.strictSame(lines.slice(-7), [
    '# migrate_release: Kernel oops in try_to_migrate_one: page fault: pte_pfn() of a device private entry is no pfn',
    '# dmesg: Kernel panic - not syncing: Fatal exception',
    '#          FAIL  hmm.hmm_device_private.migrate_release',
    'not ok 3 hmm.hmm_device_private.migrate_release',
    'not ok - bailed out',
    'Bail out! Kernel panic - not syncing: Fatal exception',
    '',
  ]);
  const plain = hmmSim('smoke', ...DYING, ...TESTS);
  t.match(plain.stdout, /not ok 3 hmm.hmm_device_private.migrate_release\n[\s\S]*\n# Totals: pass:/);
});

t.test('smoke: reports of such a run say so', async (t) => {
  const at = t.testdir({});
  hmmSim('smoke', ...DYING, ...TESTS, ...CI, '--json', join(at, 'r.json'), '--junit', join(at, 'r.xml'));
  const words = 'Kernel panic - not syncing: Fatal exception';
  t.ok(readFileSync(join(at, 'r.json'), 'utf8').includes(words));
  t.ok(readFileSync(join(at, 'r.xml'), 'utf8').includes(words));
});

t.test('smoke: THP always, unless told otherwise', async (t) => {
  // On 6.12, EXCLUSIVE refuses huge pages, which such a machine has wherever they fit.
  const huge = ['smoke', '--kernel', '6.12', '--seed', '1', '-r', 'hmm.hmm_device_private.exclusive'];
  t.match(hmmSim(...huge, ...CI).stdout, /^not ok 1 hmm.hmm_device_private.exclusive$/m);
  t.match(hmmSim(...huge, ...CI, '--thp', 'madvise').stdout, /^ok 1 hmm.hmm_device_private.exclusive$/m);
  t.match(hmmSim(...huge, '--thp', 'madvise', ...CI).stdout, /^ok 1 hmm.hmm_device_private.exclusive$/m);
});

t.test('smoke: 7.3 passes there, without coherent devices', async (t) => {
  const filters = ['-T', 'benchmark_thp_migration'];
  const { status, stdout } = hmmSim('smoke', '--kernel', '7.3', '--seed', '1', ...CI, ...filters);
  t.equal(status, 0);
  t.match(stdout, /^# Totals: pass:38 fail:0 xfail:0 xpass:0 skip:38 error:0$/m);
});

t.test('smoke: what the kernel command line gives a built-in module is its parameters', async (t) => {
  const spm = ['0x100000000', '0x140000000'];
  const one = ['--kernel', '7.3', '--seed', '1', '-r', 'hmm.hmm_device_coherent.open_close'];
  t.match(hmmSim('smoke', ...spm, ...one, ...CI).stdout, /^ok 1 hmm.hmm_device_coherent.open_close$/m);
  const wrong = hmmSim('smoke', ...spm, ...one, ...CI, '--no-spm-memory');
  t.equal(wrong.stderr.split('\n')[0], 'boot: hmm_dmirror_init() answers ENXIO');
});

t.test('modinfo: it has no file, and is for no other kernel', async (t) => {
  const { stdout } = hmmSim('modinfo', '--kernel', '7.3', ...CI);
  t.match(stdout, /^filename: {7}\(builtin\)$/m);
  t.notMatch(stdout, /^vermagic/m);
  const other = hmmSim('modinfo', 'nouveau', '--kernel', '7.3', ...CI).stdout;
  t.match(other, /^filename: {7}\(simulated\)$/m);
});

const HUGE = `name: huge without asking
kernel: "7.3"
steps:
  - mmap r0 512 rw
  - store r0[0] 7: { pages: [ok] }
  - pagemap r0[0..1]: { map: [Px, Px] }
`;

t.test('run and explain: documents get such a machine by the option, or by their key', async (t) => {
  const at = t.testdir({ 'huge.yaml': HUGE, 'own.yaml': `${HUGE}machine: { profile: mm-ci }\n` });
  t.equal(hmmSim('run', join(at, 'huge.yaml')).status, 1);
  t.equal(hmmSim('run', join(at, 'huge.yaml'), ...CI).status, 0);
  t.equal(hmmSim('run', join(at, 'own.yaml')).status, 0);
  const second = ['explain', join(at, 'huge.yaml'), '--page', 'r0[1]'];
  t.match(hmmSim(...second).stdout, /nothing/);
  t.not(hmmSim(...second, ...CI).stdout, hmmSim(...second).stdout);
});

t.test('run: its kernel log ends in a panic', async (t) => {
  const document = `name: dies
kernel: "7.3"
machine: { profile: mm-ci }
dmesg: ["Kernel panic - not syncing: Fatal exception"]
steps:
  - open d0 0
  - mmap r0 1 rw
  - migrate_to_dev d0 r0
  - write d0 r0 7: { oops: dmirror_fops_unlocked_ioctl }
`;
  const at = t.testdir({
    'ci.yaml': document,
    'plain.yaml': document.replace('profile: mm-ci', 'thp: always'),
  });
  t.equal(hmmSim('run', join(at, 'ci.yaml')).status, 0);
  t.match(hmmSim('run', join(at, 'plain.yaml')).stdout, /differs: 'dmesg: expected "Kernel panic/);
});

t.test('fuzz: the scenarios that it makes up say what machine they are for', async (t) => {
  const at = t.testdir({});
  const { stdout } = hmmSim('fuzz', '--kernel', '6.12', '--count', '60', '--out', at, ...CI);
  t.match(stdout, /^# fuzz kernel 6.12, machine mm-ci, seed 1/m);
  const plan = { kernel: '6.12', profile: 'mm-ci', check: true, seed: 1, shard: [1, 1] } as const;
  t.match(scenarioOf(plan, 4).machine, { profile: 'mm-ci' });
  const plain = hmmSim('fuzz', '--kernel', '6.12', '--count', '60', '--out', at);
  t.match(plain.stderr, /a campaign of .*machine mm-ci/, 'the journal is of another campaign');
});

t.test('shell and smoke --record: what they save says it, too', async (t) => {
  const at = t.testdir({});
  const saved = join(at, 's.yaml');
  const input = `mmap r0 512 rw\nstore r0[0] 7\nsave ${saved}\n`;
  execute(process.execPath, [bin, 'shell', '--kernel', '7.3', ...CI], { input });
  t.match(readFileSync(saved, 'utf8'), /profile: mm-ci/);
  t.equal(hmmSim('run', saved).status, 0);
  const recorded = join(at, 'r.yaml');
  hmmSim(
    'smoke',
    '--kernel',
    '7.3',
    '--seed',
    '0',
    '-r',
    'hmm.hmm_device_private.migrate',
    '--record',
    recorded,
    ...CI,
  );
  t.match(readFileSync(recorded, 'utf8'), /profile: mm-ci/);
  t.equal(hmmSim('run', recorded).status, 0);
});

// SPDX-License-Identifier: GPL-2.0-only
/** The commands that boot nothing: version, help, modinfo, lists. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { modinfoLines } from '../../src/cli/modinfo.js';
import { generationById } from '../../src/generations/index.js';
import { hmmSim, root } from './hmm-sim.js';

/** A golden file without its last line, which tells the exit status. */
function golden(name: string): { stdout: string; status: number } {
  const text = readFileSync(`${root}test/golden/ktap/${name}.txt`, 'utf8');
  const [, stdout, status] = /^([\s\S]*)@@EXIT (\d+)\n$/.exec(text)!;
  return { stdout: stdout!, status: Number(status) };
}

t.test('--version', async (t) => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
  t.same(hmmSim('--version'), { status: 0, stdout: `${version}\n`, stderr: '' });
});

t.test('help', async (t) => {
  const help = hmmSim('--help');
  t.equal(help.status, 0);
  t.match(help.stdout, /^Usage: hmm-sim \[options\] \[command\]\n/);
  t.match(help.stdout, /\n {2}smoke [\s\S]*\n {2}modinfo /);
  t.same(hmmSim(), help, 'no arguments');
  t.same(hmmSim('help'), help);
  t.same(hmmSim('help', 'smoke'), hmmSim('smoke', '--help'));
  t.match(hmmSim('help', 'smoke').stdout, /\n {2}--efi-fake-mem /);
});

t.test("smoke -l and -h are the harness's", async (t) => {
  t.same(hmmSim('smoke', '-l', '--kernel', '6.12'), { ...golden('6.12-list'), stderr: '' });
  t.same(hmmSim('smoke', '-h'), { ...golden('6.12-help'), stderr: '' });
});

t.test('modinfo', async (t) => {
  t.same(modinfoLines(generationById('v5-generic')!), [
    'filename:       (simulated)',
    'description:    HMM (Heterogeneous Memory Management) test module (this generation has no description)',
    'license:        GPL',
    'name:           test_hmm',
    'vermagic:       5.13.0-generic-v5 SMP mod_unload',
    'parm:           spm_addr_dev0:physical address where the special purpose memory of device 0 begins; both parameters together make all devices generic (long)',
    'parm:           spm_addr_dev1:physical address where the special purpose memory of device 1 begins; both parameters together make all devices generic (long)',
    'generation:     v5-generic (DEVICE_GENERIC v5, August 2021)',
    'devices:        /dev/hmm_dmirror0 /dev/hmm_dmirror1 (private; generic with both parameters)',
  ]);
  const { stdout, status, stderr } = hmmSim('modinfo', '--kernel', '6.12');
  t.same([status, stderr], [0, '']);
  t.same(stdout.split('\n'), [...modinfoLines(generationById('6.12')!), '']);
  t.same(stdout.split('\n').slice(-3), [
    'devices:        /dev/hmm_dmirror0 /dev/hmm_dmirror1 (private)',
    'devices:        /dev/hmm_dmirror2 /dev/hmm_dmirror3 (coherent; only with both parameters)',
    '',
  ]);
});

t.test('a switch that changes nothing on the kernel is told', async (t) => {
  const switches = ['--bug', 'npages-overflow,dirty-bit-lost', '--fix', 'dead-mirror-loop'];
  const told = [
    '--bug npages-overflow changes nothing: 6.12 has that bug',
    '--fix dead-mirror-loop changes nothing: 6.12 does not have that bug',
  ];
  const stderr = `${told.join('\n')}\n`;
  t.equal(
    hmmSim('smoke', '--kernel', '6.12', '--seed', '7', '-t', 'open_close', ...switches).stderr.slice(
      0,
      stderr.length,
    ),
    stderr,
  );
  const lines = '{"name":"a","kernel":"6.12","steps":[]}\n{"name":"b","kernel":"v4-coherent","steps":[]}\n';
  const file = `${t.testdir({ 'a.jsonl': lines })}/a.jsonl`;
  const ran = hmmSim('run', file, ...switches);
  t.equal(ran.status, 0);
  t.equal(
    ran.stderr,
    `${stderr}--bug npages-overflow changes nothing: v4-coherent has that bug\n--bug dirty-bit-lost changes nothing: v4-coherent has that bug\n`,
  );
  t.equal(hmmSim('show', file, '--name', 'a', '--fix', 'dead-mirror-loop').stderr, `${told[1]}\n`);
});

// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { listLines } from '../../src/cli/bugs.js';
import { verifyBugs } from '../../src/cli/bugs-verify.js';
import { bugById, bugs } from '../../src/generations/bugs/index.js';
import { hmmSim } from './hmm-sim.js';

const bugOf = (id: string) => bugById(id, 'test');

t.test('the list', async (t) => {
  const { status, stdout, stderr } = hmmSim('bugs');
  t.match({ status, stderr }, { status: 0, stderr: '' });
  t.strictSame(stdout.trimEnd().split('\n'), listLines(bugs));
  t.strictSame(
    listLines([bugOf('npages-overflow'), bugOf('null-spm-resource'), bugOf('ioctl-4-collision')]),
    [
      'BUG                IN',
      'npages-overflow    all         a page count overflows on its way to bytes',
      'null-spm-resource  v5-generic  a resource that was not found is used',
      'ioctl-4-collision  -           one ioctl number has two meanings',
    ],
  );
});

t.test('all that is known of some', async (t) => {
  t.same(hmmSim('bugs', 'stale-mirror-after-close', 'to-system-array-leak'), {
    status: 0,
    stderr: '',
    stdout: `stale-mirror-after-close: pages of a closed device file keep a pointer to it
  cause     Closing the file frees its struct dmirror and leaves the pages that were migrated
            through it on the device; the fault that brings one back follows the pointer.
  symptom   The next touch by a CPU is a use after free in dmirror_devmem_fault().
  fix       "lib: test_hmm: evict device pages on file close to avoid use-after-free"
            (CVE-2026-46280)
  functions dmirror_devmem_fault, dmirror_fops_release
  existed   up to 6.1 and 6.12 before the backports of 2026
  here      --bug stale-mirror-after-close brings it to 6.1, 6.12, 7.3; --fix
            stale-mirror-after-close takes it from v5-generic, v4-coherent
  switch    closeEvicts=false
  scenario  test/bugs/stale-mirror-after-close.yaml
  seen by   no test of the suite; its scenario does
  shows     step 5: oops: expected nothing, got "dmirror_devmem_fault"
to-system-array-leak: MIGRATE_TO_SYS forgets its arrays when the address space is gone
  cause     dmirror_migrate_to_system() allocates src_pfns and dst_pfns, then returns -EINVAL when
            the mirrored mm has no users.
  symptom   Each such call leaks two pages of kernel memory.
  fix       "lib/test_hmm: fix memory leak in dmirror_migrate_to_system()"
  functions dmirror_migrate_to_system
  existed   from 6.19 on, when the arrays had left the stack, before 7.2
  here      --bug to-system-array-leak brings it to v5-generic, v4-coherent, 6.1, 6.12, 7.3
  switch    toSystemArraysFreed=false
  scenario  test/bugs/to-system-array-leak.yaml
  seen by   no test of the suite; its scenario does
  shows     step 5: violation: expected nothing, got "refcount: page with pfn 0x300: refcount 1, but
            0 references are held" (with --check)
`,
  });
  t.same(hmmSim('bugs', '--verify', 'npages'), {
    status: 64,
    stdout: '',
    stderr: 'hmm-sim: bugs: unknown bug "npages"; "hmm-sim bugs" lists them\n',
  });
});

t.test('what fits a query', async (t) => {
  const { status, stdout, stderr } = hmmSim('bugs', 'Expected', 'ret', '(-16)', '==', '0');
  t.strictSame([status, stderr], [0, '']);
  t.match(
    stdout,
    /^exclusive-thp-tail: .*\n {2}fits {6}exclusive: Expected ret \(-16\) == 0 \(0\)\n {2}cause /,
  );
  t.match(
    stdout,
    /\nioctl-4-collision: one ioctl number has two meanings\n {2}fits .*\n {2}seen by {3}suite: hmm.migrate_multiple, hmm2.snapshot \(v5-generic\)\n/,
  );
  t.match(
    hmmSim('bugs', 'CVE-2026-63879').stdout,
    /^amdgpu-sequence-by-walk: .*\n {2}fits {6}CVE-2026-63879\n/,
  );
  t.strictSame(hmmSim('bugs', 'drm_gpusvm_range_evict'), {
    status: 0,
    stderr: '',
    stdout: `gpusvm leaks a reference to the mm
  fits      function drm_gpusvm_range_evict
  symptom   Evicting a range of a dying mm leaks.
  fix       "drm/gpusvm: Fix MM reference leak in drm_gpusvm_range_evict"
  functions drm_gpusvm_range_evict
  here      no switch: another driver
`,
  });
  t.strictSame(hmmSim('bugs', 'dmirror_do_raed'), {
    status: 1,
    stdout: '',
    stderr:
      'hmm-sim: bugs: nothing known fits "dmirror_do_raed" (did you mean "dmirror_do_read"?); "hmm-sim bugs" lists them\n',
  });
});

t.test('--verify: every bug does what its report said', async (t) => {
  const { status, stdout, stderr } = hmmSim('bugs', '--verify');
  t.match({ status, stderr }, { status: 0, stderr: '' });
  const expected = bugs.flatMap(({ id, shows, check }, index) => {
    const seen = new RegExp(`^# ${check ? '--check ' : ''}--(bug|fix) ${id}: `);
    return [`ok ${index + 1} ${id}`, [seen, shows] as const];
  });
  const lines = stdout.trimEnd().split('\n');
  t.strictSame(lines.slice(0, 2), ['TAP version 13', `1..${bugs.length}`]);
  t.equal(lines.at(-1), `# Totals: pass:${bugs.length} fail:0 xfail:0 xpass:0 skip:0 error:0`);
  for (const [index, want] of expected.entries()) {
    const line = lines[index + 2]!;
    if (typeof want === 'string') t.equal(line, want);
    else t.equal(line.replace(want[0], ''), want[1]);
  }
});

t.test('--verify: a bug that does not behave, and a scenario that does not pass', async (t) => {
  const lines: string[] = [];
  const harmless = { ...bugOf('dirty-bit-lost'), shows: 'step 6: something else' };
  const verified = verifyBugs([harmless, bugOf('npages-overflow')], (line) => lines.push(line));
  t.equal(lines.length, 5, 'the first is told before the second is run');
  t.equal(await verified, false);
  t.strictSame(lines, [
    'TAP version 13',
    '1..2',
    'not ok 1 dirty-bit-lost',
    '# --bug dirty-bit-lost: step 6: perm[0]: expected "DEV_COHERENT_LOCAL|WRITE", got "DEV_COHERENT_LOCAL|READ"',
    '# expected: step 6: something else',
    'ok 2 npages-overflow',
    '# --fix npages-overflow: step 3: ret: expected 0, got "EINVAL"',
    '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0',
  ]);
});

t.test('--bug and --fix on run, explain and smoke', async (t) => {
  const file = 'test/bugs/stale-mirror-after-close.yaml';
  t.match(hmmSim('run', '--bug', 'dirty-bit-lost,stale-mirror-after-close', file), {
    status: 1,
    stdout: /differs: 'oops: expected nothing, got "dmirror_devmem_fault"'/,
  });
  t.match(hmmSim('run', '--kernel', '6.12', '--fix', 'stale-mirror-after-close', file), { status: 0 });
  t.match(hmmSim('explain', '--bug', 'stale-mirror-after-close', file), { stdout: /dmirror_devmem_fault/ });
  t.same(hmmSim('run', '--bug', 'dirty-bit-lots', file), {
    status: 64,
    stdout: '',
    stderr:
      'hmm-sim: --bug: unknown bug "dirty-bit-lots" (did you mean "dirty-bit-lost"?); "hmm-sim bugs" lists them\n',
  });
  const spm = ['0x100000000', '0x140000000'];
  const gup = hmmSim(
    ...['smoke', ...spm, '--kernel', '6.12', '--seed', '1', '-t', 'hmm_gup_test'],
    ...['--bug', 'stale-foll-longterm'],
  );
  t.match(gup, { status: 1, stdout: /Expected HMM_DMIRROR_PROT_WRITE \(2\) == m\[2\] \(34\)/ });
  t.match(hmmSim('smoke', ...spm, '--bug', 'npages-overflow', '--fix', 'npages-overflow'), {
    status: 64,
    stderr: 'hmm-sim: --bug: "npages-overflow" is to be fixed as well\n',
  });
});

t.test('a module that does not load is a result, not an internal error', async (t) => {
  const flags = ['--kernel', '6.12', '--bug', 'coherent-minor-unset'];
  const spm = ['0x100000000', '0x140000000'];
  const file = 'test/bugs/coherent-minor-unset.yaml';
  t.match(hmmSim('run', '--dmesg', ...flags, file), {
    status: 1,
    stdout: /dmesg: WARNING: pagemap_range: Conflicting mapping in same section/,
  });
  t.same(hmmSim('shell', ...spm, ...flags), {
    status: 1,
    stdout: '# loading test_hmm failed with ENOMEM\n',
    stderr: '',
  });
  t.match(hmmSim('explain', ...flags, file), { status: 1, stdout: /loading test_hmm failed with ENOMEM/ });
});

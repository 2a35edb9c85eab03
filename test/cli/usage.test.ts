// SPDX-License-Identifier: GPL-2.0-only
/** Every mistake on the command line: one line on stderr, nothing on stdout, exit 64. */
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const DEV1 = '0x140000000';
const KERNELS = 'rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3';

const mistakes: readonly (readonly [args: string, message: string])[] = [
  // commands and options
  ['smok', "unknown command 'smok' (Did you mean smoke?)"],
  ['xyzzy', "unknown command 'xyzzy' (see hmm-sim --help)"],
  ['xyzzy --help', 'unknown command "xyzzy"'],
  ['trace', 'trace: expected a command, compare'],
  ['trace compar x', 'trace: unknown command "compar" (did you mean "compare"?)'],
  ['fuzz merge', "missing required argument 'dirs' (see hmm-sim fuzz merge --help)"],
  ['help smok', 'unknown command "smok" (did you mean "smoke"?)'],
  ['--verion', "unknown option '--verion' (Did you mean --version?)"],
  ['smoke --kernl 6.12', "unknown option '--kernl' (Did you mean --kernel?)"],
  ['smoke -x', "unknown option '-x' (see hmm-sim smoke --help)"],
  ['smoke --seed', "option '--seed <n>' argument missing (see hmm-sim smoke --help)"],
  [
    'smoke 1 2 3',
    "too many arguments for 'smoke'. Expected 2 arguments but got 3. (see hmm-sim smoke --help)",
  ],
  [
    'modinfo x y',
    "too many arguments for 'modinfo'. Expected 1 argument but got 2. (see hmm-sim modinfo --help)",
  ],
  [
    'smoke --thp sometimes',
    "option '--thp <when>' argument 'sometimes' is invalid. Allowed choices are always, madvise, never. (see hmm-sim smoke --help)",
  ],
  // values
  ['smoke --kernel 6.13', `--kernel: unknown kernel "6.13" (did you mean "6.1"?); there are ${KERNELS}`],
  [
    'modinfo amdgp',
    'modinfo: there is no module "amdgp" (did you mean "amdgpu"?); there are test_hmm, hmm_dmirror, coherent_node, amdgpu, kvm_hv, nouveau, nd_pmem, device_dax',
  ],
  ['modinfo --kernel linux', `--kernel: unknown kernel "linux"; there are ${KERNELS}`],
  ['shrink suite:xyzzy', 'suite: there is no test "xyzzy"'],
  [
    'explain test/logs/09-foreign-ktap.txt',
    'test/logs/09-foreign-ktap.txt:1:1: expected a scenario, got a log of tests: hmm-sim triage reads those',
  ],
  ['smoke --seed x', '--seed: "x" is not a number (expected 64 or 0x40)'],
  ['smoke --seed -1', '--seed: "-1" is negative'],
  ['smoke --seed 0x20000000000000', '--seed: 0x20000000000000 is too large'],
  ['smoke --hugepages many', '--hugepages: "many" is not a number (expected 64 or 0x40)'],
  ['smoke --hugepages 99999999', '--hugepages: 99999999 is too large'],
  ['smoke --memory 6X', '--memory: "6X" is not a size (expected 512M or 6G)'],
  ['smoke --memory 0', '--memory: 0 bytes is not a positive multiple of 2 MiB'],
  ['smoke --memory 32M --hugepages 0', '--memory: too little RAM left: 32 MiB, and 64 MiB are needed'],
  [
    'smoke --memory 128M',
    '--memory: too little RAM left: 128 MiB, and 192 MiB are needed, 128 MiB of it for 64 huge pages',
  ],
  // addresses
  ['smoke here', 'spm_addr_dev0: "here" is not a number (expected 64 or 0x40)'],
  [`smoke here ${DEV1}`, 'spm_addr_dev0: "here" is not a number (expected 64 or 0x40)'],
  [`smoke -4096 ${DEV1}`, 'spm_addr_dev0: "-4096" is negative'],
  [`smoke 0 ${DEV1}`, 'spm_addr_dev0: 0 is not an address that device memory can have'],
  [`smoke 0x100001000 ${DEV1}`, 'spm_addr_dev0: 0x100001000 is not 2 MiB aligned'],
  [`smoke 0x80000 ${DEV1}`, 'spm_addr_dev0: 0x80000 is in the first megabyte'],
  [`smoke ${DEV1} 99999999999999999999`, 'spm_addr_dev1: 99999999999999999999 is too large'],
  [
    `smoke 0xc0000000 ${DEV1}`,
    'spm_addr_dev0: 0xc0000000-0xffffffff is in the PCI hole, 0xc0000000-0xffffffff',
  ],
  [`smoke ${DEV1} ${DEV1}`, 'spm_addr_dev1: 0x140000000-0x17fffffff overlaps 0x140000000-0x17fffffff'],
  [
    `smoke 0x138000000 ${DEV1}`,
    'spm_addr_dev0: 0x138000000-0x13fffffff is smaller than 256 MiB, the size of a device chunk',
  ],
  [
    `smoke ${DEV1} 0x400000000000`,
    'spm_addr_dev1: 0x400000000000-0x40003fffffff is beyond the 46-bit physical addresses',
  ],
  [
    `smoke ${DEV1}`,
    'spm_addr_dev1: give both addresses (to set one alone: --module-param spm_addr_dev0=ADDRESS)',
  ],
  [
    `smoke 0x100000000 ${DEV1} --memory 2G --efi-fake-mem 1920M@0x200000:0x40000 --hugepages 100`,
    '--memory: too little RAM left: 128 MiB, and 264 MiB are needed, 200 MiB of it for 100 huge pages',
  ],
  // module parameters
  [
    `smoke --module-param spm_addr_dev0=${DEV1} 0x100000000 ${DEV1}`,
    'give the addresses as arguments or as --module-param, not both',
  ],
  [
    'smoke --module-param spm_addr_dev0',
    '--module-param: "spm_addr_dev0" is not NAME=VALUE (expected spm_addr_dev0=0x100000000)',
  ],
  [
    'smoke --module-param spm_adr_dev0=1',
    '--module-param: test_hmm has no parameter "spm_adr_dev0" (did you mean "spm_addr_dev0"?)',
  ],
  ['smoke --module-param spm_addr_dev1=abc', 'spm_addr_dev1: "abc" is not a number (expected 64 or 0x40)'],
  ['smoke --module-param spm_addr_dev1=4096', 'spm_addr_dev1: 0x1000 is in the first megabyte'],
  // --efi-fake-mem
  [
    'smoke --efi-fake-mem 1G',
    '--efi-fake-mem: "1G" is not SIZE@START:ATTRIBUTE (expected 1G@0x100000000:0x40000)',
  ],
  ['smoke --efi-fake-mem 1Q@4G:0x40000', '--efi-fake-mem: "1Q" is not a size (expected 512M or 6G)'],
  [
    'smoke --efi-fake-mem 1G@4G:0x10000',
    '--efi-fake-mem: attribute 0x10000: only 0x40000 (special purpose) is known',
  ],
  [
    'smoke --efi-fake-mem 1G@4G:0x40000,1G@4608M:0x40000',
    '--efi-fake-mem: 0x120000000-0x15fffffff overlaps 0x100000000-0x13fffffff',
  ],
  [
    'smoke --efi-fake-mem 128M@4G:0x40000',
    '--efi-fake-mem: 0x100000000-0x107ffffff is smaller than 256 MiB, the size of a device chunk',
  ],
  ['smoke --efi-fake-mem 1G@512K:0x40000', '--efi-fake-mem: 0x80000 is in the first megabyte'],
  [
    'smoke --efi-fake-mem 1G@2560M:0x40000',
    '--efi-fake-mem: 0xa0000000-0xdfffffff is in the PCI hole, 0xc0000000-0xffffffff',
  ],
  // reports
  ['smoke --junit /nowhere/junit.xml', '--junit: cannot write /nowhere/junit.xml: no such directory'],
  ['smoke --json /', '--json: cannot write /: a directory'],
];

for (const [args, message] of mistakes) {
  t.test(args, async (t) => {
    t.same(hmmSim(...args.split(' ')), { status: 64, stdout: '', stderr: `hmm-sim: ${message}\n` });
  });
}

/** What selects no test: nothing that reads the stream may take that for passed. */
const selections: typeof mistakes = [
  ['smoke -r hmm.migrat', '-r: there is no test "hmm.migrat" (did you mean "hmm.migrate"?)'],
  ['smoke -r hmm.migrate -r hmm.nothing', '-r: there is no test "hmm.nothing"'],
  [
    'smoke --kernel 6.12 -r double_map',
    '-r: there is no test "double_map": expected a full name, hmm2.hmm2_device_private.double_map or hmm2.hmm2_device_coherent.double_map',
  ],
  ['smoke -t hmm.migrate', '-t: there is no test "hmm.migrate": this is a full name, which -r takes'],
  ['smoke -t anon_raed', '-t: there is no test "anon_raed" (did you mean "anon_read"?)'],
  ['smoke -f hmm3', '-f: there is no fixture "hmm3" (did you mean "hmm"?)'],
  [
    'smoke --kernel 6.12 -v hmm_device_privat',
    '-v: there is no variant "hmm_device_privat" (did you mean "hmm_device_private"?)',
  ],
  ['smoke -F hmm -F hmm2', '-F hmm -F hmm2 selects no test'],
  [
    'smoke -r hmm.hmm_device_private.migrate',
    '-r: there is no test "hmm.hmm_device_private.migrate" with this --kernel, where it is hmm.migrate',
  ],
  [
    'smoke --kernel 6.12 -r hmm.migrate',
    '-r: there is no test "hmm.migrate" with this --kernel, where it is hmm.hmm_device_private.migrate or hmm.hmm_device_coherent.migrate',
  ],
];

for (const [args, message] of selections) {
  t.test(args, async (t) => {
    const stdout = `TAP version 13\nnot ok - bailed out\nBail out! ${message}\n`;
    t.same(hmmSim(...args.split(' ')), { status: 64, stdout, stderr: `hmm-sim: ${message}\n` });
  });
}

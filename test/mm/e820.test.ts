// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import {
  asFakeMem,
  buildIomem,
  EFI_MEMORY_SP,
  type FakeMem,
  hasMemory,
  planPhysicalMemory,
} from '../../src/mm/e820.js';
import { children, lookup_resource } from '../../src/mm/resource.js';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const SP = EFI_MEMORY_SP;

t.test('a PC has RAM below 3 GiB and from 4 GiB', async (t) => {
  t.same(planPhysicalMemory({ memory: 6 * GiB }), {
    ram: [
      { start: MiB, size: 3 * GiB - MiB },
      { start: 4 * GiB, size: 3 * GiB },
    ],
    softReserved: [],
    holes: false,
    physBits: 46,
  });
  t.same(planPhysicalMemory({ memory: 3 * GiB }).ram, [{ start: MiB, size: 3 * GiB - MiB }]);
  t.same(planPhysicalMemory({ memory: 512 * MiB }).ram, [{ start: MiB, size: 511 * MiB }]);
});

t.test('1 GiB at each SPM address, carved out of RAM', async (t) => {
  const plan = planPhysicalMemory({ memory: 6 * GiB, spm: [0x100000000, 0x140000000] });
  t.same(plan.softReserved, [
    { start: 4 * GiB, size: GiB },
    { start: 5 * GiB, size: GiB },
  ]);
  t.same(plan.ram, [
    { start: MiB, size: 3 * GiB - MiB },
    { start: 6 * GiB, size: GiB },
  ]);
});

t.test('a hole in the middle of RAM, in either order of the addresses', async (t) => {
  const plan = planPhysicalMemory({ memory: 6 * GiB, spm: [5.5 * GiB, GiB] });
  t.same(plan.softReserved, [
    { start: GiB, size: GiB },
    { start: 5.5 * GiB, size: GiB },
  ]);
  t.same(plan.ram, [
    { start: MiB, size: GiB - MiB },
    { start: 2 * GiB, size: GiB },
    { start: 4 * GiB, size: 1.5 * GiB },
    { start: 6.5 * GiB, size: GiB / 2 },
  ]);
});

t.test('less where the other begins, also for the second device', async (t) => {
  const sizes = (spm: number[]) =>
    planPhysicalMemory({ memory: 8 * GiB, spm }).softReserved.map((r) => r.size);
  t.same(sizes([4 * GiB, 4 * GiB + 256 * MiB]), [256 * MiB, GiB]);
  t.same(sizes([4 * GiB + 256 * MiB, 4 * GiB]), [256 * MiB, GiB]);
});

t.test('one parameter alone', async (t) => {
  const plan = planPhysicalMemory({ memory: 6 * GiB, spm: [undefined, 4 * GiB] });
  t.same(plan.softReserved, [{ start: 4 * GiB, size: GiB }]);
});

t.test('beyond RAM, and across its end', async (t) => {
  const beyond = planPhysicalMemory({ memory: 2 * GiB, spm: [4 * GiB] });
  t.same(beyond.ram, [{ start: MiB, size: 2 * GiB - MiB }]);
  t.same(beyond.softReserved, [{ start: 4 * GiB, size: GiB }]);
  const across = planPhysicalMemory({ memory: 4 * GiB, spm: [4.5 * GiB] });
  t.same(across.ram[1], { start: 4 * GiB, size: GiB / 2 });
  t.same(across.softReserved, [{ start: 4.5 * GiB, size: GiB }]);
});

t.test('--efi-fake-mem replaces the default ranges', async (t) => {
  const plan = planPhysicalMemory({
    memory: 6 * GiB,
    efiFakeMem: [{ start: 4 * GiB, size: 512 * MiB, attribute: SP }],
    spm: [5 * GiB, 6 * GiB],
  });
  t.same(plan.softReserved, [{ start: 4 * GiB, size: 512 * MiB }]);
  t.same(asFakeMem(plan), [{ start: 4 * GiB, size: 512 * MiB, attribute: SP }]);
});

t.test('what cannot be laid out', async (t) => {
  const spm = (...addresses: number[]) => ({ memory: 6 * GiB, spm: addresses });
  const fake = (start: number, size: number, attribute = SP) => ({
    memory: 6 * GiB,
    efiFakeMem: [{ start, size, attribute }],
  });
  const cases: [Parameters<typeof planPhysicalMemory>[0], string][] = [
    [spm(-4096, 4 * GiB), 'spm_addr_dev0: an address cannot be negative'],
    [spm(4 * GiB, 0), 'spm_addr_dev1: 0 is not an address that device memory can have'],
    [spm(Number.NaN, 4 * GiB), 'spm_addr_dev0: NaN is not an address'],
    [spm(4 * GiB + 4096, 5 * GiB), 'spm_addr_dev0: 0x100001000 is not 2 MiB aligned'],
    [spm(0x80000, 5 * GiB), 'spm_addr_dev0: 0x80000 is in the first megabyte'],
    [spm(4 * GiB, 4 * GiB), 'spm_addr_dev1: 0x100000000-0x13fffffff overlaps 0x100000000-0x13fffffff'],
    [
      spm(4 * GiB, 4 * GiB + 128 * MiB),
      'spm_addr_dev0: 0x100000000-0x107ffffff is smaller than 256 MiB, the size of a device chunk',
    ],
    [spm(3 * GiB, 5 * GiB), 'spm_addr_dev0: 0xc0000000-0xffffffff is in the PCI hole, 0xc0000000-0xffffffff'],
    [
      spm(2.5 * GiB, 5 * GiB),
      'spm_addr_dev0: 0xa0000000-0xdfffffff is in the PCI hole, 0xc0000000-0xffffffff',
    ],
    [
      spm(4 * GiB, 2 ** 46),
      'spm_addr_dev1: 0x400000000000-0x40003fffffff is beyond the 46-bit physical addresses',
    ],
    [
      fake(4 * GiB, 128 * MiB),
      '--efi-fake-mem: 0x100000000-0x107ffffff is smaller than 256 MiB, the size of a device chunk',
    ],
    [
      fake(4 * GiB, 256 * MiB + 4096),
      '--efi-fake-mem: the size of 0x100000000-0x110000fff is not a multiple of 2 MiB',
    ],
    [fake(0x1000, GiB), '--efi-fake-mem: 0x1000 is in the first megabyte'],
    [
      fake(4 * GiB, GiB, 0x10000),
      '--efi-fake-mem: attribute 0x10000: only 0x40000 (special purpose) is known',
    ],
    [{ memory: 0 }, '--memory: 0 bytes is not a positive multiple of 2 MiB'],
    [{ memory: 2 ** 46 }, '--memory: 70368744177664 bytes are more than 512 GiB, the most that is simulated'],
    [
      { memory: 512 * GiB + 2 * MiB },
      '--memory: 549757911040 bytes are more than 512 GiB, the most that is simulated',
    ],
    [{ memory: 32 * MiB }, '--memory: too little RAM left: 32 MiB, and 64 MiB are needed'],
    [
      { memory: 128 * MiB, hugepages: 64 },
      '--memory: too little RAM left: 128 MiB, and 192 MiB are needed, 128 MiB of it for 64 huge pages',
    ],
    [{ memory: GiB, spm: [2 * MiB] }, '--memory: too little RAM left: 2 MiB, and 64 MiB are needed'],
  ];
  for (const [request, message] of cases) {
    t.throws(() => planPhysicalMemory(request), { name: 'UsageError', message }, message);
  }
});

t.test('ranges of --efi-fake-mem that overlap', async (t) => {
  const efiFakeMem = [
    { start: 5 * GiB, size: GiB, attribute: SP },
    { start: 4.5 * GiB, size: GiB, attribute: SP },
  ];
  t.throws(() => planPhysicalMemory({ memory: 6 * GiB, efiFakeMem }), {
    message: '--efi-fake-mem: 0x140000000-0x17fffffff overlaps 0x120000000-0x15fffffff',
  });
});

t.test('the resource tree of a plan', async (t) => {
  const root = buildIomem(planPhysicalMemory({ memory: 6 * GiB, spm: [4 * GiB, 5 * GiB] }));
  t.same(
    children(root).map(
      (r) => `${r.start.toString(16)}-${r.end.toString(16)} ${r.name} ${r.flags.toString(16)} ${r.desc}`,
    ),
    [
      '100000-bfffffff System RAM 81000200 0',
      '100000000-13fffffff Soft Reserved 200 8',
      '140000000-17fffffff Soft Reserved 200 8',
      '180000000-1bfffffff System RAM 81000200 0',
    ],
  );
  t.equal(lookup_resource(root, 4 * GiB)?.name, 'Soft Reserved');
});

t.test('where the addresses have no memory behind them', async (t) => {
  const [inRam, beyond] = [
    [4 * GiB, 5 * GiB],
    [9 * GiB, 10 * GiB],
  ];
  const plan = (spm: number[], spmMemory: boolean, efiFakeMem: FakeMem[] = []) =>
    planPhysicalMemory({ memory: 6 * GiB, spm, spmMemory, efiFakeMem });
  t.same(plan(inRam!, false).softReserved, []);
  t.equal(plan(inRam!, false).holes, false, 'RAM is there');
  t.equal(plan(beyond!, true).holes, false, 'memory has been put there');
  t.equal(plan(beyond!, false).holes, true);
  const fake = { start: 9 * GiB, size: GiB, attribute: SP };
  t.equal(plan(beyond!, true, [fake]).holes, true, 'the second is not what --efi-fake-mem says');
  t.equal(hasMemory(plan(beyond!, true, [fake]), 10 * GiB - 1), true);
  t.equal(hasMemory(plan(beyond!, true, [fake]), 10 * GiB), false);
});

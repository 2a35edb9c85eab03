// SPDX-License-Identifier: GPL-2.0-only
/** Explanations, word for word, and that explaining changes nothing. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { type FollowedPage, followedLines, followPage, parseFollowed } from '../../src/explain/follow.js';
import { load } from '../../src/scenario/load.js';
import { answerText, stepText } from '../../src/scenario/place.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { UsageError } from '../../src/sim/errors.js';
import { describe, explained } from './lines.js';

const setups = new Setups();
const machines = new MachinePool();

function followed(document: ScenarioDocument, page: FollowedPage): string[] {
  return describe(document, (machine, setup) =>
    [...followPage(machine, setup, document, page)].map(followedLines),
  );
}

t.test('coherent memory that is not pinned for long', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd2', device: 2 },
    { ...range, op: 'mmap', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'store', page: 0, pages: 2, word: 64 },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd2', page: 1, pages: 1 },
    { ...range, op: 'gup', kind: 'pin_fast_longterm', page: 1, pages: 1 },
  ];
  t.same(explained({ name: 'longterm', kernel: 'v4-coherent', steps }, 4), [
    'step 4  p0 gup r0[1] kind=pin_fast_longterm: ret 0, pinned 0',
    '  because check_and_migrate_movable_pages: coherent memory is not pinned for long at r0[1]',
  ]);
  t.same(
    explained({ name: 'longterm', kernel: '6.12', steps }, 4)[0],
    'step 4  p0 gup r0[1] kind=pin_fast_longterm: ret 0, pinned 1',
  );
});

t.test('flags that are not for the fast path', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { ...range, op: 'mmap', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'gup', kind: 'pin_fast_longterm', page: 0, pages: 1 },
  ];
  t.same(explained({ name: 'flags', kernel: '6.1', steps }, 1).slice(0, 2), [
    'step 1  p0 gup r0[0] kind=pin_fast_longterm: ret 0, pinned 0',
    '  because gup_fast_fallback: gup flags 524353: not for the fast path at r0[0]',
  ]);
});

t.test('EXCLUSIVE of hugetlb memory, and migration of what is exclusive', async (t) => {
  const range = { as: 'p0', region: 'r0', page: 0 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { ...range, op: 'mmap', pages: 512, prot: 'rw', share: 'private', backing: 'hugetlb' },
    { ...range, op: 'store', pages: 1, word: 1 },
    { ...range, op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', pages: 1 },
    { ...range, region: 'r1', op: 'mmap', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, region: 'r1', op: 'store', pages: 1, word: 1 },
    { ...range, region: 'r1', op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', pages: 1 },
    { ...range, region: 'r1', op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', pages: 1 },
  ];
  const document = { name: 'hugetlb', kernel: '6.1', steps } as const;
  t.equal(explained(document, 3).at(-1), '  r0[0]  stays  make_device_exclusive_range  hugetlb page');
  t.equal(explained(document, 7).at(-1), '  r1[0]  stays  migrate_vma_collect_pmd  device exclusive entry');
});

t.test('what becomes of the pages of a mapping', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { ...range, op: 'mmap', pages: 12, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'store', page: 0, pages: 11, word: 64 },
    { ...range, op: 'ioctl', cmd: 'READ', fd: 'd0', page: 0, pages: 4 },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', page: 1, pages: 2 },
    { ...range, op: 'mprotect', page: 0, pages: 2, prot: 'r' },
    { ...range, op: 'madvise', page: 0, pages: 3, advice: 'dontneed' },
    { ...range, op: 'mremap', page: 3, pages: 1, to: { region: 'r1', page: 0 } },
    { ...range, op: 'munmap', page: 3, pages: 2 },
  ];
  const lines = explained({ name: 'mapping', kernel: '6.12', steps });
  t.same(lines.slice(lines.findIndex((line) => line.startsWith('step 5'))), [
    'step 5  p0 mprotect r0[0..1] prot=r: ret 0',
    '  tells the mirrors MMU_NOTIFY_PROTECTION_VMA r0[0..1]',
    '  r0[0]  changed    system pfn 0x103, CPU rw -> r, hmm_dmirror0 rw -> nothing',
    '  r0[1]  changed    private on hmm_dmirror0 pfn 0x3ffffffff, device private write -> device private read, hmm_dmirror0 rw -> nothing',
    'step 6  p0 madvise r0[0..2] advice=dontneed: ret 0',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[0..1]',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[2]',
    '  r0[0]  dropped  free_unref_page  system pfn 0x103 -> nothing mapped',
    '  r0[1]  dropped                   private on hmm_dmirror0 pfn 0x3ffffffff -> nothing mapped',
    '  r0[2]  dropped                   private on hmm_dmirror0 pfn 0x3fffffffe -> nothing mapped',
    'step 7  p0 mremap r0[3] to=r1[0]: ret 0',
    '  tells the mirrors MMU_NOTIFY_UNMAP r0[3]',
    '  tells the mirrors MMU_NOTIFY_UNMAP r0[3]',
    '  r0[3]  unmapped    system pfn 0x106 -> no VMA',
    '  r1[0]  mapped      no VMA -> system pfn 0x106',
    'step 8  p0 munmap r0[3..4]: ret 0',
    '  tells the mirrors MMU_NOTIFY_UNMAP r0[3..4]',
    '  r0[3]  same                       no VMA',
    '  r0[4]  unmapped  free_unref_page  system pfn 0x107 -> no VMA',
  ]);
});

t.test('the VMA that mremap makes is none of the notifier', async (t) => {
  const range = { as: 'p0', region: 'r0', page: 0, pages: 2 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'store', word: 1 },
    { ...range, op: 'ioctl', cmd: 'READ', fd: 'd0' },
    { ...range, op: 'mremap', to: { region: 'r1', page: 0 } },
  ];
  const lines = followed({ name: 'mv', kernel: '6.12', steps }, parseFollowed('r1[1]', '--page'));
  t.same(lines.slice(-4), [
    'step 4  p0 mremap r0[0..1] to=r1[0..1]: ret 0',
    '  pte  no VMA -> none',
    '  pte  none -> present write dirty young, pfn 0x104  move_ptes',
    '  now  system pfn 0x104; refcount 1, mapcount 1; CPU reads and writes',
  ]);
});

t.test('a full device', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd2', device: 2 },
    { ...range, op: 'mmap', pages: 65537, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd2', page: 0, pages: 65536 },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd2', page: 65535, pages: 2 },
  ];
  t.same(explained({ name: 'full', kernel: '6.12', steps }, 3), [
    'step 3  p0 MIGRATE_TO_DEV d2 r0[65535..65536]: ret ENOENT',
    '  WARNING pagemap_range: Conflicting mapping in same section',
    '  because dmirror_do_read: r0[65536] is not in the device table',
    '  r0[65535]  stays  migrate_vma_collect_pmd    device coherent page, not selected: on hmm_dmirror2',
    '  r0[65536]  stays  dmirror_devmem_alloc_page  device full',
  ]);
});

t.test('a device that was cut into huge pages', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const huge = { ...range, page: 0, pages: 512 } as const;
  const on = { op: 'ioctl', fd: 'd2' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd2', device: 2 },
    { ...range, op: 'mmap', pages: 513, prot: 'rw', share: 'private', backing: 'anon' },
    { ...huge, ...on, cmd: 'RELEASE' },
    { ...huge, ...on, cmd: 'MIGRATE_TO_DEV' },
    { ...huge, ...on, cmd: 'MIGRATE_TO_SYS' },
    { ...range, ...on, cmd: 'MIGRATE_TO_DEV', page: 512, pages: 1 },
  ];
  const document = { name: 'cut', kernel: '7.3', steps } as const;
  t.same(explained(document, 4), [
    'step 4  p0 MIGRATE_TO_SYS d2 r0[0..511]: ret 0, cpages 0, faults 0',
    '  r0[0..511]  stays  migrate_vma_collect_huge_pmd  huge device coherent page: what is mapped huge and present is for MIGRATE_VMA_SELECT_SYSTEM alone: on hmm_dmirror2',
  ]);
  t.same(explained(document, 5), [
    'step 5  p0 MIGRATE_TO_DEV d2 r0[512]: ret ENOENT',
    '  WARNING pagemap_range: Conflicting mapping in same section',
    '  because dmirror_do_read: r0[512] is not in the device table',
    '  r0[512]  stays  dmirror_devmem_alloc_page  no small page: a huge one came first, so that the device was cut into huge pages, and there is no room for more',
  ]);
});

/** The lines of the last step, with a bug brought back. */
function lastStep(id: string, bug?: string): string[] {
  const file = `test/bugs/${id}.yaml`;
  const { document } = load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!;
  const bugs = bug === undefined ? {} : { bugs: [bug] };
  const changed = { ...document, machine: { ...document.machine, ...bugs } };
  return explained(changed, document.steps.length - 1);
}

t.test('generic memory of v5-generic', async (t) => {
  const range = { region: 'r0', page: 0, pages: 1 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'store', ...range, word: 1 },
    { op: 'ioctl', cmd: 'MIGRATE', toDevice: true, fd: 'd0', ...range },
    { op: 'ioctl', cmd: 'MIGRATE', toDevice: false, fd: 'd0', ...range },
    { op: 'munmap', ...range },
    { op: 'ioctl', cmd: 'MIGRATE', toDevice: true, fd: 'd0', ...range },
  ];
  t.same(explained({ name: 'generic', kernel: 'v5-generic', steps }).slice(-10), [
    'step 3  p0 MIGRATE d0 r0[0] toDevice=true: ret 0, cpages 1, faults 0',
    '  r0[0]  migrated  migrate_vma_pages  system pfn 0x103 -> generic on hmm_dmirror0 pfn 0x17ffff',
    'step 4  p0 MIGRATE d0 r0[0] toDevice=false: ret 0, cpages 0, faults 0',
    '  r0[0]  stays  dmirror_devmem_fault_alloc_and_copy  only private pages come back',
    'step 5  p0 munmap r0[0]: ret 0',
    '  tells the mirrors MMU_NOTIFY_UNMAP r0[0]',
    '  r0[0]  unmapped    generic on hmm_dmirror0 pfn 0x17ffff -> no VMA, hmm_dmirror0 rw -> nothing',
    'step 6  p0 MIGRATE d0 r0[0] toDevice=true: ret EINVAL',
    '  because dmirror_migrate: no VMA at r0[0]',
    '  r0[0]  stays  dmirror_migrate  no VMA',
  ]);
});

t.test('steps that come to no end', async (t) => {
  t.same(lastStep('stale-mirror-after-close', 'stale-mirror-after-close'), [
    'step 5  p0 load r0[0..1]: oops in dmirror_devmem_fault',
    '  because use after free: the page was migrated through a file that is closed; its struct dmirror is gone',
    '  r0[0]  oops         dmirror_devmem_fault  private on hmm_dmirror0 pfn 0x3ffffffff',
    '  r0[1]  not reached                        the kernel died before',
  ]);
  t.same(lastStep('migrate-to-ram-result-dropped', 'migrate-to-ram-result-dropped'), [
    'step 4  p0 write r0[0]: hang in asm_exc_page_fault',
    '  because exceeded its simulated time limit',
    '  locks  p0 stays in asm_exc_page_fault; holds none',
  ]);
  const range = { region: 'r0', page: 0, pages: 1 } as const;
  const starving: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
    { op: 'make_it_fail', value: 1 },
    { op: 'load', ...range },
  ];
  t.same(explained({ name: 'starving', kernel: '6.12', steps: starving }, 4), [
    'step 4  p0 load r0[0]: hang in exc_page_fault',
    '  because exceeded its simulated time limit',
    '  r0[0]  hang  dmirror_devmem_fault_alloc_and_copy  no system memory: stays private on hmm_dmirror0 pfn 0x3ffffffff (1100 times)',
    '  locks  p0 stays in exc_page_fault; holds none',
  ]);
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 2 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
    { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...range },
    { op: 'ioctl', cmd: 'RELEASE', fd: 'd0', ...range },
  ];
  t.same(explained({ name: 'release', kernel: '6.12', steps }, 4), [
    'step 4  p0 RELEASE d0 r0[0]: hang in memunmap_pages',
    '  because waits for ever',
    '  because memunmap_pages: waits for 1 page in use, first pfn 0x14ffff, refcount 2, mapcount 1',
    '  r0[0]  stays  folio_migrate_mapping  unexpected reference: refcount 2, expected 1',
    '  locks  p0 stays in memunmap_pages; holds hmm_dmirror2 devmem_lock',
  ]);
});

t.test('thousands of pages that are alike', async (t) => {
  const range = { as: 'p0', region: 'r0' } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { ...range, op: 'mmap', pages: 4099, prot: 'rw', share: 'private', backing: 'anon' },
    { ...range, op: 'store', page: 0, pages: 4099, word: 1 },
    { ...range, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', page: 0, pages: 4098 },
  ];
  const lines = explained({ name: 'many', kernel: '6.12', steps });
  t.same(lines.slice(2), [
    'step 2  p0 store r0[0..4098] word=1: ok x4099',
    '  r0[0..4098]  stored  do_anonymous_page  nothing was mapped: system',
    'step 3  p0 MIGRATE_TO_DEV d0 r0[0..4097]: ret 0, cpages 4098, faults 0',
    '  r0[0..4097]  migrated  migrate_vma_pages  system -> private on hmm_dmirror0',
  ]);
});

t.test('the pages of --page', async (t) => {
  t.same(parseFollowed('r0[3]', '--page'), { process: 'p0', region: 'r0', page: 3 });
  t.same(parseFollowed('p1:r20[0]', '--page'), { process: 'p1', region: 'r20', page: 0 });
  t.throws(
    () => parseFollowed('r0', '--page'),
    new UsageError('"r0" is not a page (expected r0[3], or p1:r0[3])', '--page'),
  );
});

t.test('a page that more happens to than a call has arguments', async (t) => {
  const change = { kind: 'ref', pfn: '0x1', from: 1, to: 2, fns: ['folio_get'] } as const;
  const step = { op: 'open', fd: 'd0', device: 0 } as const;
  const changes = Array.from({ length: 200_000 }, () => change);
  const taken = { index: 0, step, result: { ret: 0 }, warnings: [] } as const;
  const lines = followedLines({ ...taken, causes: [], changes });
  t.equal(lines.length, 200_001);
  t.equal(lines.at(-1), '  ref  pfn 0x1  1 -> 2  folio_get');
});

const REF = /^ {2}ref {2}pfn (\S+) {2}(\d+) -> (\d+) {2}(.*)$/;
const PTE = /^ {2}pte {2}(.*) -> (.*?)(?: {2}(\w+))?$/;

/** Changes that do not begin where the one before has ended: something in between was missed. */
function gapsOf(lines: readonly string[]): string[] {
  const gaps: string[] = [];
  const counts = new Map<string, string>();
  let entry: string | undefined;
  for (const line of lines) {
    const [, pfn, from, to] = REF.exec(line) ?? [];
    if (pfn !== undefined && (counts.get(pfn) ?? from) !== from) gaps.push(line);
    if (pfn !== undefined) counts.set(pfn, to!);
    const [, before, after] = PTE.exec(line) ?? [];
    if (before !== undefined && (entry ?? before) !== before) gaps.push(line);
    entry = after ?? entry;
  }
  return gaps;
}

function functionsOf(line: string): string[] {
  const names = REF.exec(line)?.[4]?.split(' < ') ?? [PTE.exec(line)?.[3]];
  return names.filter((name) => name !== undefined);
}

/** Of these recordings, every 12th scenario is followed. */
const SAMPLED = ['exclusive', 'fork', 'gup', 'hugetlb', 'thp', 'vma'];

function sampled(kernel: string, name: string): ScenarioDocument[] {
  const file = `test/golden/${kernel}/${name}.jsonl.gz`;
  const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
  return documents.filter((_, i) => i % 12 === 0).map(({ document }) => document);
}

t.test('no reference of a followed page is missed, and functions are called as in the kernel', async (t) => {
  const known = new Set(readFileSync('test/fixtures/explain/functions.txt', 'utf8').trim().split('\n'));
  const page = parseFollowed('r0[1]', '--page');
  const documents = ['6.1', '6.12'].flatMap((kernel) => SAMPLED.flatMap((name) => sampled(kernel, name)));
  const lines = documents.map((document) => followed(document, page));
  t.ok(lines.flat().filter((line) => REF.test(line)).length > 400);
  t.same(lines.flatMap(gapsOf), [], 'every change begins where the one before has ended');
  const strangers = lines
    .flat()
    .flatMap(functionsOf)
    .filter((name) => !known.has(name));
  t.same(strangers, [], 'every function has its name in the kernel');
});

/** What explanations and watched runs begin each step with. */
function headings(document: ScenarioDocument): string[] {
  const { results } = runOn(machines, setups.of(document), document);
  return results.map((result, i) => `step ${i}  ${stepText(document.steps[i]!)}: ${answerText(result)}`);
}

const isHeading = (line: string): boolean => line.startsWith('step ');

t.test('explaining and watching change no answer, and leave no page unexplained', async (t) => {
  for (const kernel of ['6.12']) {
    const file = `test/golden/${kernel}/curated.jsonl.gz`;
    const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
    for (const { document } of documents) {
      const wanted = headings(document);
      const lines = explained(document);
      t.same(lines.filter(isHeading), wanted, `${kernel} ${document.name}, explained`);
      const page = parseFollowed('r0[0]', '--page');
      t.same(followed(document, page).filter(isHeading), wanted, `${kernel} ${document.name}, followed`);
      t.same(
        lines.filter((line) => /^ {2}r\d+\[\d+\] +(stays +\S+|not reached|fails +\S+)$/.test(line)),
        [],
        'every page that did not do what was asked has a reason',
      );
    }
  }
});

t.test('mirrors that are told page by page are one line', async (t) => {
  const range = { as: 'p0', region: 'r0', page: 0 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { ...range, op: 'mmap', pages: 512, prot: 'rw', share: 'shared', backing: 'file' },
    { ...range, op: 'load', pages: 4 },
    { ...range, op: 'madvise', pages: 4, advice: 'pageout' },
    { ...range, op: 'madvise', pages: 512, advice: 'collapse' },
  ];
  const document = { name: 'told', kernel: '6.12', machine: { swap: 64 * 2 ** 20 }, steps } as const;
  t.same(explained(document, 3).slice(0, 2), [
    'step 3  p0 madvise r0[0..3] advice=pageout: ret 0',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[0..3], page by page',
  ]);
  t.same(explained(document, 4).slice(0, 2), [
    'step 4  p0 madvise r0[0..511] advice=collapse: ret EINVAL',
    '  because collapse_file: 2 MiB of which the file has nothing at r0[0]',
  ]);
});

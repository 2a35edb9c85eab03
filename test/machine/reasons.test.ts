// SPDX-License-Identifier: GPL-2.0-only
/** Every reason that the core and the drivers declare is given somewhere, and has its words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { findingTexts } from '../../src/explain/text.js';
import { reasonAbout, reasonText } from '../../src/machine/reasons.js';
import { reasons } from '../../src/machine/registry.js';
import type { Reason, ReasonId } from '../../src/mm/reasons.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The sources below `rooms` that emit, without those that declare. */
function sourcesOf(rooms: readonly string[], declaring: RegExp): string {
  const files = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(root, room, name),
    ),
  );
  return files
    .filter((file) => file.endsWith('.ts') && !declaring.test(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

const neverNamed = (ids: readonly string[], sources: string): string[] =>
  ids.filter((id) => !sources.includes(`'${id}'`));

const ids = Object.keys(reasons) as ReasonId[];

t.test('every reason is given somewhere', async (t) => {
  const sources = sourcesOf(['src/mm', 'src/drivers', 'src/kernel'], /reasons\.ts$/);
  t.same(neverNamed(ids, sources), []);
  t.same(neverNamed(['no-such-reason'], sources), ['no-such-reason'], 'the check notices');
});

t.test('every finding is found somewhere', async (t) => {
  const sources = sourcesOf(['src/explain', 'src/scenario'], /explain\/(verdict|text)\.ts$/);
  t.same(neverNamed(Object.keys(findingTexts), sources), []);
  const both = ids.filter((id) => Object.hasOwn(findingTexts, id));
  t.same(both, [], 'an id says which of the two it is');
});

/** With values for those that have some. */
const VALUED: readonly (readonly [Reason, string])[] = [
  [
    { id: 'pinned', refcount: 1026, mapcount: 1, expected: 2 },
    'pinned: refcount 1026, mapcount 1, expected 2',
  ],
  [
    { id: 'thp-pinned', refcount: 514, mapcount: 512, expected: 513 },
    'THP split failed: pinned: refcount 514, mapcount 512, expected 513',
  ],
  [{ id: 'not-for-the-fast-path', gup_flags: 524353 }, 'gup flags 524353: not for the fast path'],
  [{ id: 'still-mapped', mapcount: 2 }, 'still mapped: mapcount 2'],
  [{ id: 'still-mapped-elsewhere', mapcount: 3 }, 'still mapped elsewhere, or read-only: mapcount 3'],
  [{ id: 'unexpected-reference', refcount: 2, expected: 1 }, 'unexpected reference: refcount 2, expected 1'],
  [
    { id: 'pages-in-use', pages: 1, pfn: 0x14ffff, refcount: 2, mapcount: 1 },
    'waits for 1 page in use, first pfn 0x14ffff, refcount 2, mapcount 1',
  ],
  [
    { id: 'pages-in-use', pages: 7, pfn: 16, refcount: 1, mapcount: 0 },
    'waits for 7 pages in use, first pfn 0x10, refcount 1, mapcount 0',
  ],
  [
    { id: 'memcg-limit', memcg: '/c0', max: 16, memory: 15 },
    'memory cgroup /c0 has no room: 15 of 16 pages are charged',
  ],
  [{ id: 'fault-answered', answer: 'VM_FAULT_OOM' }, 'handle_mm_fault() answered VM_FAULT_OOM'],
  [{ id: 'warning', message: 'page already in device' }, 'page already in device'],
];

t.test('reasons in words', async (t) => {
  for (const [reason, text] of VALUED) t.equal(reasonText(reason), text);
  const valued = new Set<string>(VALUED.map(([{ id }]) => id));
  const plain = ids.filter((id) => !valued.has(id));
  const texts = plain.map((id) => reasonText({ id } as Reason));
  t.same(texts.slice(0, 3), ['no VMA', 'VMA is not readable', 'VMA is not writable']);
  t.ok(texts.includes('no system memory'), 'of the memory core, the last ones too');
  t.ok(texts.includes('the queues are gone since a fault that could not be served'), 'of drivers');
  t.same(
    texts.filter((text) => text === '' || text.includes('undefined')),
    [],
    'without values, each says all there is',
  );
  t.equal(new Set(texts).size, texts.length, 'no two say the same');
});

t.test('what reasons are about', async (t) => {
  const about = (wanted: string): ReasonId[] => ids.filter((id) => reasonAbout({ id } as Reason) === wanted);
  t.same(about('mapping'), [
    'no-vma',
    'vma-not-readable',
    'vma-not-writable',
    'special-mapping',
    'dax-mapping',
    'fsdax-longterm',
    'device-mapping',
    'hugetlb-mapping',
    'file-tracks-writes',
    'beyond-vma',
    'no-file',
    'not-shared-writable',
    'inside-huge-page',
    'no-huge-pages-there',
    'no-userfaults',
    'not-of-userfaultfd',
    'not-write-protectable',
    'ranges-overlap',
    'no-room-to-grow',
    'gpu-does-not-retry',
    'gpu-has-no-access',
    'gpu-does-not-map-buffer',
    'gpu-queues-gone',
    'gpu-vm-not-acquired',
    'gpu-not-there',
  ]);
  t.same(about('device'), [
    'private-not-selected',
    'coherent-not-selected',
    'coherent-huge-not-selected',
    'generic-not-selected',
    'wrong-owner',
    'foreign-private',
    'already-in-device',
  ]);
  t.same(about('references'), ['pinned', 'thp-pinned', 'thp-referenced']);
});

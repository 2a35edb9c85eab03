// SPDX-License-Identifier: GPL-2.0-only
/** Several NUMA nodes: how RAM is shared out, where pages come from, where they go back to, and whose are reclaimed. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { put_page } from '../../src/mm/page_alloc.js';
import { split_nodes } from '../../src/mm/page_alloc_nodes.js';
import { UsageError } from '../../src/sim/errors.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { explained } from '../explain/lines.js';

const MIB = 2 ** 20;

t.test('RAM is shared out in order of address, in pieces of 32 MiB', (t) => {
  const ram = [
    { pfn: 0, pages: 512 * 40 },
    { pfn: 0x100000, pages: 512 * 60 },
  ];
  t.strictSame(split_nodes(ram, 1), [ram]);
  t.strictSame(split_nodes(ram, 2), [
    [
      { pfn: 0, pages: 512 * 40 },
      { pfn: 0x100000, pages: 512 * 8 },
    ],
    [{ pfn: 0x100000 + 512 * 8, pages: 512 * 52 }],
  ]);
  t.strictSame(
    split_nodes(ram, 3).map((node) => node.reduce((sum, { pages }) => sum + pages / 512, 0)),
    [32, 32, 36],
  );
  t.throws(() => Machine.boot({ memory: 64 * MIB, nodes: 3 }), UsageError);
  t.end();
});

t.test('the node of the processor gives, then the other, and each has its own back', (t) => {
  const { kernel: k } = Machine.boot({ memory: 128 * MIB, hugepages: 4, nodes: 2 });
  const { pages, nodes } = k;
  t.strictSame(
    k.zones.map((zone) => zone.totalPages),
    [16384, 15872],
  );
  const free = k.zones.map((zone) => zone.nr_free_pages);
  const taken: number[] = [];
  for (let page = pages.alloc_page(); page !== NO_PAGE; page = pages.alloc_page()) taken.push(page);
  const nids = taken.map((page) => nodes.page_to_nid(page));
  /** Where memory begins to come of the other node. */
  const turns = nids.flatMap((nid, i) => (i > 0 && nid !== nids[i - 1] ? [i] : []));
  const aboveLow = k.zones.map((zone, nid) => free[nid]! - zone.watermarks.low);
  const distance = k.zones.map(({ watermarks }) => watermarks.low - watermarks.min);
  t.strictSame(
    turns,
    [aboveLow[0]!, aboveLow[0]! + aboveLow[1]!, aboveLow[0]! + aboveLow[1]! + distance[0]!],
    'of both what is above the low watermarks, then down to the min watermarks, of node 0 first',
  );
  t.strictSame(
    k.zones.map((zone) => zone.nr_free_pages - zone.watermarks.min),
    [0, 0],
  );
  for (const page of taken) put_page(k, page);
  t.strictSame(
    k.zones.map((zone) => zone.nr_free_pages),
    free,
  );
  t.end();
});

t.test('huge pages: the pool has some of each node, and one that is freed goes back', (t) => {
  const { kernel: k } = Machine.boot({ memory: 128 * MIB, hugepages: 5, nodes: 2 });
  const pool = [0, 1, 2, 3, 4].map(() => k.nodes.page_to_nid(k.pages.alloc_set_aside_huge()));
  t.strictSame(pool, [0, 0, 0, 1, 1]);
  const free = k.zones.map((zone) => zone.nr_free_pages);
  const head = k.pages.alloc_huge();
  t.equal(k.nodes.page_to_nid(head), 0);
  put_page(k, head);
  t.strictSame(
    k.zones.map((zone) => zone.nr_free_pages),
    free,
  );
  t.end();
});

t.test('reclaim begins where no node has memory; explain says which node a page is on', (t) => {
  const lines = explained({
    name: 'nodes',
    kernel: '6.12',
    machine: { spm: [], memory: '128M', hugepages: 0, nodes: 2, swap: '64M' },
    steps: [
      { op: 'mmap', region: 'r0', pages: 31000, prot: 'rw', share: 'private', backing: 'anon' },
      { op: 'store', region: 'r0', page: 0, pages: 14000, word: 64 },
      { op: 'load', region: 'r0', page: 0, pages: 1 },
      { op: 'load', region: 'r0', page: 13999, pages: 1 },
      { op: 'store', region: 'r0', page: 14000, pages: 14500, word: 64 },
      { op: 'store', region: 'r0', page: 28500, pages: 2500, word: 64 },
      { op: 'load', region: 'r0', page: 0, pages: 1 },
    ],
  });
  const of = (step: number): string =>
    lines
      .slice(
        lines.findIndex((line) => line.startsWith(`step ${step} `)) + 1,
        lines.findIndex((line) => line.startsWith(`step ${step + 1} `)),
      )
      .join('\n');
  t.match(of(2), /no fault: system on node 0 pfn 0x/);
  t.match(of(3), /no fault: system on node 0 pfn 0x/);
  const [first, second] = of(4).split('\n');
  t.match(first, /^ {2}r0\[14000\.\.\d+\] .* system on node 0$/);
  t.match(
    second,
    /^ {2}r0\[\d+\.\.28499\] .* system on node 1$/,
    'node 1 has enough, and nothing is reclaimed',
  );
  t.match(
    of(5),
    /reclaims r0\[0\.\.\d+\] of p0 {2}try_to_unmap_one {2}swapped out/,
    'the oldest of node 0 go first',
  );
  t.end();
});

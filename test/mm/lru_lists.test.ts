// SPDX-License-Identifier: GPL-2.0-only
/** The LRU lists: the same order whether folios came before reclaim first looked, or after. */
import t from 'tap';
import {
  LRU_ACTIVE_ANON,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruList,
  LruLists,
} from '../../src/mm/lru_lists.js';
import { PG_active, PG_head, PG_lru, PG_swapbacked, PG_unevictable } from '../../src/mm/page_flags.js';
import { Memmap, type Page } from '../../src/sim/memmap.js';

const LIMIT = 1 << 17;
const ANON = PG_lru | PG_swapbacked;

/** Lists of their own memory. */
function lists(): { mem: Memmap; lru: LruLists; put: (page: Page, flags: number) => void } {
  const mem = new Memmap(LIMIT);
  mem.addRun(0, LIMIT - 512);
  const lru = new LruLists(mem, null);
  const put = (page: Page, flags: number): void => {
    mem.flags[page] = flags;
    lru.add(page);
  };
  return { mem, lru, put };
}

/** What is on a list, oldest first; nothing is left on it. */
function drain(lru: LruLists, list: LruList): Page[] {
  const pages: Page[] = [];
  for (let page = lru.oldest(list); page !== 0; page = lru.oldest(list)) {
    pages.push(page);
    lru.del(page);
  }
  return pages;
}

for (const when of ['before', 'after'] as const) {
  t.test(`folios that came ${when} reclaim first looked`, (t) => {
    const { mem, lru, put } = lists();
    if (when === 'after') lru.link(LIMIT);
    for (const page of [600, 601, 602, 603]) put(page, ANON);
    put(604, ANON | PG_active);
    put(605, ANON | PG_unevictable);
    put(606, PG_lru);
    // Once more at the front, and gone.
    lru.moved(600);
    lru.del(602);
    mem.flags[602] = 0;
    lru.link(LIMIT);
    t.same(
      [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE].map((list) => lru.size(list as LruList)),
      [3, 1, 1],
    );
    t.same(drain(lru, LRU_INACTIVE_ANON), [601, 603, 600]);
    t.same(drain(lru, LRU_ACTIVE_ANON), [604]);
    t.same(drain(lru, LRU_INACTIVE_FILE), [606]);
    t.equal(lru.size(LRU_INACTIVE_ANON), 0);
    t.end();
  });

  t.test(`a huge folio that is split, which came ${when} reclaim first looked`, (t) => {
    const { mem, lru, put } = lists();
    if (when === 'after') lru.link(LIMIT);
    put(600, ANON);
    put(1024, ANON | PG_head);
    put(601, ANON);
    for (let page = 1024; page < 1536; page++) mem.flags[page] = ANON;
    lru.split(1024);
    lru.link(LIMIT);
    t.equal(lru.size(LRU_INACTIVE_ANON), 514);
    const order = drain(lru, LRU_INACTIVE_ANON);
    t.same([...order.slice(0, 3), ...order.slice(-2)], [600, 1024, 1025, 1535, 601]);
    t.equal(lru.size(LRU_INACTIVE_ANON), 0);
    t.end();
  });
}

t.test('what is noted is forgotten when it is gone', (t) => {
  const { mem, lru, put } = lists();
  const room = lru.log.length;
  for (let n = 0; n < 4 * room; n++) {
    put(600, ANON);
    mem.flags[600] = 0;
  }
  t.equal(lru.log.length, room, 'no more room for what is not there');
  for (let page = 600; page < 600 + 2 * room; page++) put(page, ANON);
  t.ok(lru.log.length > room);
  lru.link(LIMIT);
  t.equal(lru.size(LRU_INACTIVE_ANON), 2 * room);
  t.end();
});

// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { MOVABLE, put_page, UNMOVABLE } from '../../src/mm/page_alloc.js';
import { NO_PAGE } from '../../src/sim/memmap.js';

t.test('a freed page keeps its bytes until it is allocated again, and then holds zeros', (t) => {
  const { kernel } = Machine.boot({ memory: 2 ** 30, hugepages: 0 });
  for (const type of [MOVABLE, UNMOVABLE] as const) {
    const page = kernel.pages.alloc_page(type);
    t.equal(kernel.contents.pageWord(page), 0);
    kernel.contents.fill_page(page, 7);
    put_page(kernel, page);
    t.equal(kernel.contents.pageWord(page), 7, 'whoever reads it through a stale pointer');
    t.equal(kernel.pages.alloc_page(type), page, 'last in, first out');
    t.equal(kernel.contents.pageWord(page), 0, 'CONFIG_INIT_ON_ALLOC_DEFAULT_ON');
  }
  t.end();
});

t.test('no page is lost when blocks become whole again', (t) => {
  const { kernel } = Machine.boot({ memory: 2 ** 26, hugepages: 0 });
  const { pages } = kernel;
  const free = pages.nr_free_pages;
  const { min } = pages.watermarks;
  t.equal(min, 1024);
  for (let round = 0; round < 3; round++) {
    const taken: number[] = [];
    for (let page = pages.alloc_page(); page !== NO_PAGE; page = pages.alloc_page()) taken.push(page);
    t.equal(taken.length, free - min, 'all of it down to the watermark can be taken, page by page');
    t.equal(pages.nr_free_pages, min);
    for (let page = pages.alloc_reserve(); page !== NO_PAGE; page = pages.alloc_reserve()) taken.push(page);
    t.equal(taken.length, free, 'and the rest by who must not fail');
    t.equal(pages.nr_free_pages, 0);
    for (const page of taken) put_page(kernel, page);
    t.equal(pages.nr_free_pages, free);
    // Huge pages need whole blocks: those whose last page came back.
    const huge: number[] = [];
    for (let head = pages.alloc_huge(); head !== NO_PAGE; head = pages.alloc_huge()) huge.push(head);
    t.equal(pages.nr_free_pages, free - huge.length * 512);
    t.ok(huge.length >= Math.floor((free - min) / 512) - 2, `${huge.length} huge pages of ${free} pages`);
    for (const head of huge) put_page(kernel, head);
    t.equal(pages.nr_free_pages, free);
  }
  t.end();
});

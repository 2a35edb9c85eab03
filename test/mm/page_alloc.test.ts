// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { MOVABLE, put_page, UNMOVABLE } from '../../src/mm/page_alloc.js';
import { Machine } from '../../src/user/machine.js';

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

// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Contents } from '../../src/sim/contents.js';
import { Memmap } from '../../src/sim/memmap.js';

const FROM = 512;
const TO = 1024;
const NR = 8;

function contentsOf(fill: (contents: Contents) => void): Contents {
  const mem = new Memmap(2048);
  mem.addRun(0, 2048);
  const contents = new Contents(mem);
  fill(contents);
  return contents;
}

const wordsOf = (contents: Contents, first: number): number[] =>
  Array.from({ length: NR }, (_, n) => contents.wordAt(first + n, 3));

t.test('pages in a row are copied and cleared as one after the other are', async (t) => {
  const contents = contentsOf((contents) => {
    for (let n = 0; n < NR; n++) contents.fill_page(FROM + n, 7 + n);
    contents.fill_sequence(FROM + 2, 100, 10);
    contents.clear_page(FROM + 3);
    contents.fill_sequence(TO + 4, 5, 5);
  });
  contents.copy_pages(TO, FROM, NR);
  t.same(wordsOf(contents, TO), [7, 8, 130, 0, 11, 12, 13, 14]);
  contents.clear_pages(TO, NR - 1);
  t.same(wordsOf(contents, TO), [0, 0, 0, 0, 0, 0, 0, 14]);
  t.same(wordsOf(contents, FROM), [7, 8, 130, 0, 11, 12, 13, 14]);
});

t.test('slabs among them are shared, and given back', async (t) => {
  const contents = contentsOf((contents) => {
    contents.writable(FROM + 1)[3] = 42;
    contents.writable(TO + 5)[3] = 43;
  });
  t.equal(contents.slabsInUse, 2);
  contents.copy_pages(TO, FROM, NR);
  t.same(wordsOf(contents, TO), [0, 42, 0, 0, 0, 0, 0, 0]);
  t.equal(contents.slabsInUse, 1);
  contents.writable(TO + 1)[3] = 44;
  t.same([contents.wordAt(FROM + 1, 3), contents.slabsInUse], [42, 2]);
  contents.clear_pages(TO, NR);
  contents.clear_pages(FROM, NR);
  t.equal(contents.slabsInUse, 0);
});

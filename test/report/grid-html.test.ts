// SPDX-License-Identifier: GPL-2.0-only
/** The HTML of `show`: well-formed, self-contained, and with everything that a reader hovers for. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { drawScenario, type Grid } from '../../src/explain/show-grid.js';
import { cellDetails, cellText } from '../../src/report/grid-cell.js';
import { gridHtml } from '../../src/report/grid-html.js';
import { gridText } from '../../src/report/grid-text.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

const file = 'test/fixtures/explain/kinds.yaml';

function draw(path = file): Grid {
  const { document } = load(readFileSync(path, 'utf8'), path, 'yaml').documents[0]!;
  const setup = new Setups().of(document);
  return drawScenario(bootMachine(setup), setup, document);
}

const grid = draw();
const html = gridHtml([grid]);

const VOID = new Set(['meta', 'br', '!doctype']);

/** Tags that do not nest; the text of style and script is not markup. */
function unbalanced(text: string): string[] {
  const markup = text.replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, '$1$3');
  const open: string[] = [];
  const found: string[] = [];
  for (const [, closing, name] of markup.matchAll(/<(\/?)([!a-z0-9]+)(?:\s[^<>]*)?>/gi)) {
    const tag = name!.toLowerCase();
    if (VOID.has(tag)) continue;
    if (closing === '') open.push(tag);
    else if (open.pop() !== tag) found.push(tag);
  }
  return [...found, ...open];
}

t.test('well-formed', async (t) => {
  t.same(unbalanced(html), []);
  t.same(unbalanced('<p><b></p>'), ['p', 'p'], 'the check notices');
  const rest = html.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '').replace(/<[^<>]*>/g, '');
  t.notMatch(rest, /[<>]/, 'no stray angle bracket');
  t.match(html, '<h1>every &lt;kind&gt; of page</h1>');
  t.match(html, '<title>every &lt;kind&gt; of page - hmm-sim</title>');
});

t.test('nothing comes from elsewhere', async (t) => {
  t.notMatch(
    html,
    /https?:|\/\/[a-z]|\b(?:src|href|action)\s*=|url\(|@import|fetch\(|XMLHttpRequest|import\(/i,
  );
});

t.test('one row a group of pages, one cell a step, with its details', async (t) => {
  const rows = [...html.matchAll(/<tr><th scope="row">([^<]*)<\/th>(.*?)<\/tr>/g)];
  t.same(
    rows.map(([, name]) => name),
    grid.rows.map(({ name }) => name),
  );
  for (const [, name, cells] of rows) {
    t.equal([...cells!.matchAll(/<td/g)].length, grid.columns.length, name);
  }
  t.match(
    html,
    '<td class="private-remote moved" tabindex="0" data-tip="p0 r0[2] after step 9&#10;private on hmm_dmirror1 pfn 0x3fffeffff&#10;' +
      'VMA rw private anon&#10;entry: device private write&#10;refcount 1, mapcount 1&#10;CPU: faults&#10;' +
      'hmm_dmirror1: reads and writes">→ P1 - 1rw</td>',
  );
});

t.test('every tone', async (t) => {
  const tones = new Set(grid.rows.flatMap(({ cells }) => cells.map((cell) => cell?.tone)));
  t.same([...tones].sort(), [
    'coherent-remote',
    'exclusive',
    'none',
    'private-local',
    'private-remote',
    'system',
    'unmapped',
    'zero',
    undefined,
  ]);
  for (const tone of tones)
    if (tone !== undefined && tone !== 'unmapped') t.match(html, `.${tone} { background`);
  const exclusive = grid.rows.flatMap(({ cells }) => cells).find((cell) => cell?.tone === 'exclusive');
  t.equal(cellText(exclusive!), 'X - 0a');
  t.equal(cellText(null), '');
  t.same(cellDetails(null), ['no such process']);
});

t.test('text paints tones and breaks into blocks', async (t) => {
  const painted = gridText(grid, { width: 2000, paint: (text, tone) => `<${tone}>${text}` });
  t.equal(
    painted.find((line) => line.startsWith('p0 r0[5] '))?.replace(/ +/g, ' '),
    'p0 r0[5] <none>. <none>. <system>S rw <system>S rw <system>S rw <system>S rw <system>S rw <system>S rw ' +
      '<exclusive>X - 0a <exclusive>X - 0a <exclusive>X - 0a <exclusive>X - 0a <exclusive>X - 0a <exclusive>X - 0a ' +
      '<system>S r <system>S r',
  );
  const narrow = gridText(grid, { width: 60, paint: (text) => text });
  t.ok(narrow.slice(25).every((line) => line.length <= 60 || !line.startsWith('p')));
});

const failing = gridHtml([draw('test/fixtures/explain/failing.yaml')]);

t.test('what a step was asked, answered and should have answered, without hovering', async (t) => {
  const rows = [...failing.matchAll(/<tr(?: class="(\w+)")?><td>\d+<\/td>(.*?)<\/tr>/g)];
  t.strictSame(
    rows.map(([, kind = '', cells]) => [kind, ...cells!.slice(4, -5).split('</td><td>')]),
    [
      ['', 'p0', 'open d0 device=0', 'ret 0'],
      ['', 'p0', 'mmap r0[0..1] prot=rw share=private backing=anon', 'ret 0'],
      ['', 'p0', 'store r0[0..1] word=7', 'pages ok, ok'],
      ['', 'p0', 'MIGRATE_TO_DEV d0 r0[0]', 'ret 0; cpages 1; faults 0; data 7'],
      ['', 'p0', 'WRITE d0 r1[0] word=5', 'ret EFAULT'],
      ['', 'p0', 'fork child=p1', 'ret 0'],
      ['bad', 'p1', 'load r0[0]', 'pages 7<br><em>pages[0]: expected 9, got 7</em>'],
      ['', 'p0', 'load r1[0]', 'pages <strong>SIGSEGV</strong>'],
    ],
  );
  t.match(failing, '<p class="bad"><em>dmesg: expected &quot;&lt;never said&gt;&quot;</em></p>');
  const heads = [...failing.matchAll(/<th scope="col"( class="bad")?[^>]*><b>([^<]*)<\/b>/g)];
  t.strictSame(
    heads.filter(([, bad]) => bad !== undefined).map(([, , text]) => text),
    ['6 p1'],
  );
});

t.test('a page that became another one', async (t) => {
  const row = /<tr><th scope="row">p0 r0\[0\]<\/th>(.*?)<\/tr>/.exec(failing)![1]!;
  const cells = [...row.matchAll(/<td(?: class="([^"]*)"[^>]*)?>([^<]*)<\/td>/g)];
  t.strictSame(
    cells.map(([, kind, text]) => [kind, text]),
    [
      [undefined, ''],
      ['none', '.'],
      ['system', 'S rw'],
      ['private-local moved', '→ P0 - 0rw'],
      ['private-local', 'P0 - 0rw'],
      ['private-local', 'P0 -'],
      ['system moved', '→ S r'],
      ['system', 'S r'],
    ],
  );
});

t.test('the legend has what occurs', async (t) => {
  const legend = (html: string) =>
    [...html.matchAll(/<li>(.*?)<\/li>|<p>(.*?)<\/p>/g)].map(([, item, text]) => item ?? text);
  t.strictSame(legend(failing), [
    'on kernel 6.12',
    '<span class="none">.</span>nothing mapped',
    '<span class="system">S</span>system memory',
    '<span class="private-local">P</span>private (local)',
    '<span>→</span>another page (pfn) than after the step before',
    'Behind the letter stands the number of the device; local is hmm_dmirror0. Then what the CPU does without a fault: ' +
      'r reads, rw reads and writes, - nothing. Then each device by its number, and what is in its page table: ' +
      'rw reads and writes.',
  ]);
  const { document } = load('name: none\nsteps: [open d0 0]\n', 'x', 'yaml').documents[0]!;
  const setup = new Setups().of(document);
  t.strictSame(legend(gridHtml([drawScenario(bootMachine(setup), setup, document)])), [
    'on kernel v5-generic',
  ]);
});

t.test('a stranger writes no markup', async (t) => {
  t.match(failing, '<h1>&lt;img src=x onerror=alert(1)&gt; &amp; &quot;more&quot;</h1>');
  t.notMatch(failing, '<img');
  t.same(unbalanced(failing.replaceAll('<br>', '')), []);
});

// SPDX-License-Identifier: GPL-2.0-only
/** The HTML of `show` in a real Chromium, without a network: it renders, and hovering shows the details. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { drawScenario } from '../../src/explain/show-grid.js';
import { gridHtml } from '../../src/report/grid-html.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { CHROMIUM_OPTIONS, findChromium, noChromium } from '../host.js';

function page(): string {
  const file = 'test/fixtures/explain/kinds.yaml';
  const { document } = load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!;
  const setup = new Setups().of(document);
  return gridHtml([drawScenario(bootMachine(setup), setup, document)]);
}

/** What the page tells about itself once it is there: complaints, the details that it shows, colours. */
const PROBE = `<script>
const told = { errors: [], tips: [] };
addEventListener('error', (event) => told.errors.push(String(event.message)));
addEventListener('load', () => {
  const tip = document.getElementById('tip');
  for (const cell of [...document.querySelectorAll('[data-tip]')]) {
    cell.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
    if (getComputedStyle(tip).display === 'none' || tip.textContent !== cell.dataset.tip) told.errors.push('no tip');
    else told.tips.push(tip.textContent.split('\\n')[0]);
    const { top, left } = tip.getBoundingClientRect();
    if (top < 0 || left < 0) told.errors.push('the tip is outside');
  }
  told.colours = new Set([...document.querySelectorAll('td')].map((td) => getComputedStyle(td).backgroundColor)).size;
  told.wide = document.documentElement.scrollWidth > innerWidth;
  told.loaded = performance.getEntriesByType('resource').length;
  document.title = JSON.stringify({ ...told, tips: told.tips.length, first: told.tips[0] });
});
</script></head>`;

t.test('in Chromium', { skip: noChromium() }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-sim-'));
  const path = join(directory, 'show.html');
  const html = page();
  writeFileSync(
    path,
    html.replace('</head>', () => PROBE),
  );
  const profile = `--user-data-dir=${join(directory, 'profile')}`;
  const offline = ['--host-resolver-rules=MAP * ~NOTFOUND', '--window-size=900,700', '--dump-dom'];
  const ran = spawnSync(findChromium()!, [...CHROMIUM_OPTIONS, profile, ...offline, `file://${path}`], {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
  t.equal(ran.status, 0, ran.stderr);
  const title = /<title>(.*?)<\/title>/.exec(ran.stdout)?.[1] ?? 'null';
  t.same(JSON.parse(title), {
    errors: [],
    tips: [...html.matchAll(/data-tip=/g)].length,
    first: 'step 0: p0 open d0 device=0',
    colours: 8,
    wide: false,
    loaded: 0,
  });
});

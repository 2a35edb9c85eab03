// SPDX-License-Identifier: GPL-2.0-only
/** Campaigns: which seeds are whose, and that the bugs are found where docs/FUZZING.md says. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type CampaignPlan, laboratoryOf, scenarioOf, seedOf, shareOf } from '../../src/fuzz/campaign.js';
import { sortOf } from '../../src/fuzz/findings.js';
import { findingsOf } from '../../src/fuzz/goals.js';
import { bugs } from '../../src/generations/bugs/index.js';
import { MachinePool } from '../../src/session/machine-pool.js';

const plan: CampaignPlan = { kernel: '6.12', check: true, seed: 1, shard: [1, 1] };

t.test('shards share the seeds out, each once', (t) => {
  for (const count of [0, 1, 3, 10, 11, 12]) {
    const seeds = [1, 2, 3, 4].flatMap((index) => {
      const shard: CampaignPlan = { ...plan, seed: 5, shard: [index, 4] };
      return Array.from({ length: shareOf(shard, count) }, (_, n) => seedOf(shard, n));
    });
    t.strictSame(
      seeds.sort((a, b) => a - b),
      Array.from({ length: count }, (_, n) => 5 + n),
    );
  }
  t.end();
});

t.test('bugs go into the machine block, beside what is there', (t) => {
  const seed = 951;
  const { machine } = scenarioOf({ ...plan, bugs: ['dirty-bit-lost'] }, seed);
  t.strictSame(machine, { spm: ['0x100000000'], bugs: ['dirty-bit-lost'] });
  t.strictSame(scenarioOf(plan, seed).machine, { spm: ['0x100000000'] });
  t.equal(scenarioOf(plan, 1).machine, undefined);
  t.end();
});

/** The rows of a Markdown table below its head. */
function rowsOf(text: string, head: string): string[][] {
  const lines = text.slice(text.indexOf(head)).split('\n').slice(2);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const text = readFileSync('docs/FUZZING.md', 'utf8');
const found = rowsOf(text, '| Bug | Kernel | Scenarios | Finding |');
const inCategory = rowsOf(text, '| Bug | Kernel | Category | Scenarios | Finding |').map(
  ([id, kernel, category, seed, sort]) => ({ id, kernel, category, seed, sort }),
);
const missed = rowsOf(text, '| Bug | Why not |');

t.test('every bug is in one of the tables', (t) => {
  const named = [...[...found, ...missed].map(([id]) => id!), ...inCategory.map(({ id }) => id!)];
  t.strictSame(named.sort(), bugs.map(({ id }) => id).sort());
  t.end();
});

t.test('bugs are found by the seeds that docs/FUZZING.md names', (t) => {
  const pool = new MachinePool();
  const rows = [...found.map(([id, kernel, seed, sort]) => ({ id, kernel, seed, sort })), ...inCategory];
  for (const { id, kernel, seed, sort, ...category } of rows) {
    const campaign = { ...plan, kernel: kernel!, bugs: [id!], ...category } as CampaignPlan;
    const lab = laboratoryOf(pool, campaign);
    const sorts = findingsOf(lab, scenarioOf(campaign, Number(seed))).map(sortOf);
    t.ok(sorts.includes(sort!), `${id}: ${sort}`, { found: sorts });
  }
  t.end();
});

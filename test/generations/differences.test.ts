// SPDX-License-Identifier: GPL-2.0-only
/** In which behaviours kernels differ, and which release changed them. */
import t from 'tap';
import type { behaviourNames } from '../../src/generations/behaviours/index.js';
import {
  askedBehaviours,
  changesBetween,
  differingBehaviours,
  whenText,
  withBehaviours,
} from '../../src/generations/differences.js';
import { generationById, generations } from '../../src/generations/index.js';
import { compareVersions } from '../../src/generations/version.js';

const [generic, old, lts, recent] = ['v5-generic', '6.1', '6.12', '7.3'].map((id) => generationById(id)!) as [
  (typeof generations)[number],
  (typeof generations)[number],
  (typeof generations)[number],
  (typeof generations)[number],
];

const when = (a: typeof old, b: typeof old) =>
  Object.fromEntries(changesBetween(a, b).map((change) => [change.behaviour, whenText(change)]));

t.test('every change between releases has a release in between', async (t) => {
  for (const [a, b] of [
    [old, lts],
    [lts, recent],
    [old, recent],
    [recent, lts],
  ] as const) {
    const [first, last] = [a.version, b.version].sort(compareVersions) as [string, string];
    for (const { behaviour, version, from, to } of changesBetween(a, b)) {
      t.not(from, to);
      t.ok(
        version !== null && compareVersions(version, first) > 0 && compareVersions(version, last) <= 0,
        behaviour,
      );
    }
    t.strictSame(
      changesBetween(a, b).map(({ behaviour }) => behaviour),
      differingBehaviours(a, b),
    );
  }
  t.strictSame(changesBetween(lts, lts), []);
});

t.test('since, until, between two releases, backported, and not known exactly', async (t) => {
  t.match(when(old, lts), {
    mprotectUpgradesPmd: 'since 6.2',
    populateWalksVmas: 'since 6.10',
    splitPmdRefusesHugetlb: 'since 6.12.23',
    follLongterm: 'since 6.3',
    wpReusesLargeFolios: 'since 6.9',
  });
  t.match(when(lts, recent), {
    exclusiveByPage: 'since 6.15',
    holesAreWritable: 'since 6.19',
    procMemForces: 'by 7.3',
  });
  t.strictSame(when(lts, recent), when(recent, lts));
  t.match(when(generic, old), { spmSelectsType: 'of a posted series' });
});

t.test('who asks is told of', async (t) => {
  const asked = new Set<(typeof behaviourNames)[number]>();
  const { behaviours, uapi } = askedBehaviours(lts, { driverTakesFlags: true }, asked);
  t.strictSame([...asked].sort(), ['driverReadsUnlocked', 'driverTakesFlags'], 'for the table of ioctls');
  t.equal(uapi.nr.FLAGS, 8);
  t.equal(uapi.nr.READ_UNLOCKED, undefined);
  t.equal(behaviours.closeEvicts, true);
  t.ok(asked.has('closeEvicts'));
  t.equal(asked.size, 3);
});

t.test('a kernel with other behaviours has their ioctls, and no others', async (t) => {
  t.strictSame(withBehaviours(recent, { driverTakesFlags: false }).uapi.nr, {
    ...lts.uapi.nr,
    READ_UNLOCKED: 9,
  });
  for (const generation of generations)
    t.strictSame(withBehaviours(generation, {}).uapi.nr, generation.uapi.nr);
});

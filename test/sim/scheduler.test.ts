// SPDX-License-Identifier: GPL-2.0-only
/** Schedulers, and the random data that a seed stands for. */
import t from 'tap';
import { Prng } from '../../src/sim/prng.js';
import { RandomWalk } from '../../src/sim/schedulers/random_walk.js';
import { RunToBlock } from '../../src/sim/schedulers/run_to_block.js';

const tasks = ['a', 'b', 'c'].map((name, id) => ({ id, name }));

t.test('the default takes the task that waits longest', async (t) => {
  const scheduler = new RunToBlock(1);
  t.equal(scheduler.nextTask(tasks), tasks[0]);
  t.equal('atPoint' in scheduler, false);
});

t.test('a random walk takes any, the same ones after each newExecution()', async (t) => {
  const scheduler = new RandomWalk(1);
  const walk = () => Array.from({ length: 12 }, () => scheduler.nextTask(tasks).name).join('');
  scheduler.newExecution();
  const first = walk();
  scheduler.newExecution();
  t.equal(walk(), first);
  t.equal(new Set(first).size, 3);
  t.equal(scheduler.atPoint(), true);
});

t.test('random data is the seed alone, whoever schedules', async (t) => {
  const [plain, walk] = [new RunToBlock(7), new RandomWalk(7)];
  walk.nextTask(tasks);
  t.same([plain.nextU64(), plain.nextU64()], [walk.nextU64(), walk.nextU64()]);
});

t.test('the same seed gives the same words; bounds are kept', async (t) => {
  const words = (seed: number) => {
    const prng = new Prng(seed);
    return [prng.nextU32(), prng.nextU32(), prng.nextU32()];
  };
  t.same(words(0), words(0));
  t.notSame(words(0), words(1));
  t.notSame(words(1), words(1 + 2 ** 32));
  const prng = new Prng(3);
  const drawn = Array.from({ length: 600 }, () => prng.below(6));
  t.same([...new Set(drawn)].sort(), [0, 1, 2, 3, 4, 5]);
  prng.reseed(3);
  t.equal(prng.below(6), drawn[0]);
});

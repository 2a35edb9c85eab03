// SPDX-License-Identifier: GPL-2.0-only
/**
 * hmm-tests.c: how long migration takes with huge pages and without, of buffers of several sizes. The time is that of
 * the machine: simulated costs, no measurement of anything.
 */
import type { Task } from '../../sim/task.js';
import { MADV_HUGEPAGE, MADV_NOHUGEPAGE, PMD_SIZE } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  type HmmBuffer,
  hmm_buffer_free,
  hmm_migrate_dev_to_sys,
  hmm_migrate_sys_to_dev,
  tryBuffer,
} from './helpers.js';
import { ALL_ONES, fill, I, words } from './words.js';

const ITERATIONS = 5;
const MB = 1024 * 1024;
const GB = 1024 * MB;
const RULE_OF_TITLE = '-'.repeat(27);
const RULE_OF_TABLE = '-'.repeat(69);

const SIZES: readonly [name: string, bytes: number][] = [
  ['Small Buffer', PMD_SIZE / 4],
  ['Half THP Size', PMD_SIZE / 2],
  ['Single THP Size', PMD_SIZE],
  ['Two THP Size', PMD_SIZE * 2],
  ['Four THP Size', PMD_SIZE * 4],
  ['Eight THP Size', PMD_SIZE * 8],
  ['One twenty eight THP Size', PMD_SIZE * 128],
];

/** Means: milliseconds, and GB a second. */
interface Results {
  sys_to_dev_time: number;
  dev_to_sys_time: number;
  throughput_s2d: number;
  throughput_d2s: number;
}

const nothing = (): Results => ({
  sys_to_dev_time: 0,
  dev_to_sys_time: 0,
  throughput_s2d: 0,
  throughput_d2s: 0,
});

const get_time_ms = (t: Hmm): number => t.sys.gettimeofday() / 1000;

/** Migrate there and back once. Return: 0, or what failed; the milliseconds are added to the results. */
function* thereAndBack(t: Hmm, buffer: HmmBuffer, npages: number, total: Results): Task<number> {
  const { fd } = t.self;
  let start = get_time_ms(t);
  let ret = yield* hmm_migrate_sys_to_dev(t, fd, buffer, npages);
  if (ret !== 0) return ret;
  total.sys_to_dev_time += get_time_ms(t) - start;
  start = get_time_ms(t);
  ret = yield* hmm_migrate_dev_to_sys(t, fd, buffer, npages);
  if (ret !== 0) return ret;
  total.dev_to_sys_time += get_time_ms(t) - start;
  return 0;
}

function* migrateAgainAndAgain(t: Hmm, buffer: HmmBuffer, use_thp: boolean, results: Results): Task<number> {
  const { sys, self } = t;
  const { ptr, mirror, size } = buffer;
  yield* fill(sys, words(mirror, size), ALL_ONES);
  let ret = yield* sys.madvise(ptr, size, use_thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  if (ret !== 0) return ret;
  // DIVERGES: i, not i & 0xFF: nobody looks at it, and such pages cost the host no memory.
  yield* fill(sys, words(ptr, size), I);

  const npages = size / self.page_size;
  ret = yield* thereAndBack(t, buffer, npages, nothing());
  const total = nothing();
  for (let i = 0; i < ITERATIONS && ret === 0; i++) ret = yield* thereAndBack(t, buffer, npages, total);
  if (ret !== 0) return ret;

  results.sys_to_dev_time = total.sys_to_dev_time / ITERATIONS;
  results.dev_to_sys_time = total.dev_to_sys_time / ITERATIONS;
  results.throughput_s2d = size / GB / (results.sys_to_dev_time / 1000);
  results.throughput_d2s = size / GB / (results.dev_to_sys_time / 1000);
  return 0;
}

/** Return: 0 with the results, or what failed. */
function* run_migration_benchmark(t: Hmm, use_thp: boolean, size: number, results: Results): Task<number> {
  const buffer = yield* tryBuffer(t, size);
  if (buffer === null) return -1;
  const ret = yield* migrateAgainAndAgain(t, buffer, use_thp, results);
  yield* hmm_buffer_free(t, buffer);
  return ret;
}

/** `of` says what is compared in percent, with less or with more being better. */
function improvement(of: keyof Results, thp: Results, regular: Results): string {
  const change = (thp[of] - regular[of]) / regular[of];
  return `${((of.startsWith('throughput') ? change : -change) * 100).toFixed(1)}%`;
}

function print_benchmark_results(t: Hmm, name: string, size: number, thp: Results, regular: Results): void {
  const row = (what: string, of: keyof Results, digits: number, unit: string): void => {
    const [with_thp, without] = [thp, regular].map((results) => `${results[of].toFixed(digits)} ${unit}`);
    t.printf(`${what}| ${with_thp}| ${without}| ${improvement(of, thp, regular)}`);
  };
  t.printf('');
  t.printf(`=== ${name} (${(size / MB).toFixed(1)} MB) ===`);
  t.printf('                     | With THP        | Without THP     | Improvement');
  t.printf(RULE_OF_TABLE);
  row('Sys->Dev Migration   ', 'sys_to_dev_time', 3, 'ms        ');
  row('Dev->Sys Migration   ', 'dev_to_sys_time', 3, 'ms        ');
  row('S->D Throughput      ', 'throughput_s2d', 2, 'GB/s      ');
  row('D->S Throughput      ', 'throughput_d2s', 2, 'GB/s      ');
}

/** Prints a table for each size; asserts only that all of it goes there and back. */
export function* benchmark_thp_migration(t: Hmm): Task {
  t.printf('');
  t.printf('HMM THP Migration Benchmark');
  t.printf(RULE_OF_TITLE);
  t.printf(`System page size: ${t.self.page_size} bytes`);
  const call = (flag: number, of: string): string =>
    `run_migration_benchmark(self->fd, ${flag}, test_sizes[i], iterations, &${of}_results)`;
  for (const [name, size] of SIZES) {
    const [thp, regular] = [nothing(), nothing()];
    let ret = yield* run_migration_benchmark(t, true, size, thp);
    t.ASSERT_EQ({ [call(1, 'thp')]: ret }, 0);
    ret = yield* run_migration_benchmark(t, false, size, regular);
    t.ASSERT_EQ({ [call(0, 'regular')]: ret }, 0);
    print_benchmark_results(t, name, size, thp, regular);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which assertion of hmm-tests.c each one that a test makes is. Tests make them in the order of the C file, which
 * suite-lines.ts has the lines of; told here are only those that go another way.
 */
import { suiteLines } from './suite-lines.js';

/**
 * Whose assertion: a setup's, the test's own, a forked child's, that of a child whose memory was on the device, that of a
 * fork that failed, a teardown's.
 */
export type Part = 'setup' | 'own' | 'child' | 'childOfMigrated' | 'unforked' | 'teardown';

/** Places in the test's list of lines, in the order in which its assertions are made. */
interface Course {
  readonly own: readonly number[];
  readonly child?: readonly number[];
  readonly childOfMigrated?: readonly number[];
  readonly unforked?: readonly number[];
  /** The last so many of `own` are made again and again. */
  readonly again?: number;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const range = (from: number, to: number): number[] => upTo(to - from + 1).map((n) => from + n);

const inChild: Course = { own: [...upTo(4), 5, 6], child: range(7, 13), unforked: [4] };

/** By "fixture.test"; those that depend on the device are of private and of coherent memory. */
type Courses = Readonly<Record<string, Course | readonly [private_: Course, coherent: Course]>>;

const courses6: Courses = {
  'hmm.anon_write_child': inChild,
  'hmm.anon_write_child_shared': inChild,
  'hmm.migrate_multiple': [
    { own: [...upTo(7), 9], again: 7 },
    { own: upTo(10), again: 9 },
  ],
  'hmm.anon_read_multiple': { own: upTo(8), again: 7 },
  // A round whose read fails makes fewer: only the beginning is sure.
  'hmm.anon_teardown': { own: upTo(4) },
  'hmm.exclusive_cow': { own: [...upTo(6), ...range(9, 13)], child: [7, 8], unforked: [6] },
  'hmm.hmm_gup_test': [{ own: [...upTo(12), ...range(14, 18)] }, { own: [...upTo(14), ...range(16, 18)] }],
  'hmm.hmm_cow_in_device': { own: [...upTo(5), ...range(6, 12)], unforked: [5] },
  'hmm2.snapshot': [{ own: upTo(22) }, { own: [...upTo(20), 22, 23] }],
};

/** Where the tests take a buffer, there is one assertion instead of three. */
const courses7: Courses = {
  'hmm.anon_write_child': {
    own: [0, 1, 6, 7, 0, 1, 2, 6, 7, 0, 1, 3, 4, 6, 7, 0, 1, 2, 3, 4, 6, 7],
    child: range(8, 14),
    childOfMigrated: [8, ...range(10, 13)],
    unforked: [5],
  },
  'hmm.anon_write_child_shared': { own: [0, 1, 3, 4], child: range(5, 11), unforked: [2] },
  'hmm.migrate_multiple': [
    { own: [...upTo(5), 7], again: 5 },
    { own: upTo(8), again: 7 },
  ],
  'hmm.anon_read_multiple': { own: upTo(6), again: 5 },
  'hmm.anon_teardown': { own: upTo(2) },
  'hmm.exclusive_cow': { own: [...upTo(4), ...range(7, 11)], child: [5, 6], unforked: [4] },
  'hmm.hmm_gup_test': [{ own: [...upTo(10), ...range(12, 16)] }, { own: [...upTo(12), ...range(14, 16)] }],
  'hmm.hmm_cow_in_device': { own: [...upTo(3), ...range(4, 10)], unforked: [3] },
  'hmm2.snapshot': [{ own: upTo(20) }, { own: [...upTo(18), 20, 21] }],
  'hmm.migrate_anon_huge_fault': [{ own: upTo(12) }, { own: [...upTo(5), 11] }],
  'hmm.migrate_partial_unmap_fault': { own: upTo(6), again: 6 },
  'hmm.migrate_remap_fault': {
    own: [false, true].flatMap((before) =>
      upTo(12).flatMap(() => (before ? [...upTo(6), 7] : [0, 1, ...range(3, 7)])),
    ),
  },
  'hmm.benchmark_thp_migration': { own: upTo(2), again: 2 },
};

/** The releases whose tests these are; another's lists of another length are of tests that go another way. */
const PORTED = '6.12';
const coursesOf: Readonly<Record<string, Courses>> = { [PORTED]: courses6, '7.3': courses7 };

function place(
  courses: Courses,
  name: string,
  coherent: boolean,
  part: Part,
  made: number,
): number | undefined {
  const course = courses[name];
  if (course === undefined) return part === 'own' ? made : undefined;
  const { again = 0, ...parts } = 'own' in course ? course : course[coherent ? 1 : 0];
  const places = parts[part as 'own' | 'child' | 'childOfMigrated' | 'unforked'] ?? [];
  const round = part === 'own' && again > 0 && made >= places.length;
  const first = places.length - again;
  return places[round ? first + ((made - first) % again) : made];
}

/**
 * The line of hmm-tests.c of a release that stands for the assertion behind the first `made` of this part; undefined where
 * that is not known.
 */
export function suiteLine(
  release: string,
  { fixture, variant, test }: { readonly fixture: string; readonly variant: string; readonly test: string },
  part: Part,
  made: number,
): number | undefined {
  const apart = part === 'setup' || part === 'teardown';
  const name = `${fixture}.${apart ? `<${part}>` : test}`;
  const lines = suiteLines[release]?.[name];
  const courses = coursesOf[release];
  const alike = lines?.length === suiteLines[PORTED]?.[name]?.length;
  if (lines === undefined || (courses === undefined && !alike)) return undefined;
  const coherent = variant.includes('coherent');
  const at = apart ? made : place(courses ?? courses6, name, coherent, part, made);
  return at === undefined ? undefined : lines[at];
}

// SPDX-License-Identifier: GPL-2.0-only
/** Scenarios as tables in C: an initialiser for each step. */
import type { Generation } from '../generations/index.js';
import { commandOf, type IoctlStep, MAX_LISTED, migratesToDevice } from '../scenario/dmirror-steps.js';
import type { ScenarioDocument, Step, StepOf } from '../scenario/schema.js';
import { FOLL_WRITE } from '../uapi/gup_test.js';
import { cComment, cString, type Field, initialiser } from './literal.js';

const numberOf = (name: string): number => Number(name.slice(1));

const PROT = {
  none: 'PROT_NONE',
  r: 'PROT_READ',
  w: 'PROT_WRITE',
  rw: 'PROT_READ | PROT_WRITE',
} as const;

/** FOLL_LONGTERM of 6.12, as a number: it is not in any header that programs see. */
const LONGTERM_FLAGS = `0x${(0x100 | FOLL_WRITE).toString(16)}`;
const WRITE_FLAGS = `0x${FOLL_WRITE.toString(16)}`;

const GUP: Readonly<Record<StepOf<'gup'>['kind'], readonly [request: string, flags: string]>> = {
  basic: ['GUP_BASIC_TEST', WRITE_FLAGS],
  fast: ['GUP_FAST_BENCHMARK', WRITE_FLAGS],
  pin: ['PIN_BASIC_TEST', WRITE_FLAGS],
  pin_fast: ['PIN_FAST_BENCHMARK', WRITE_FLAGS],
  pin_longterm: ['PIN_LONGTERM_BENCHMARK', WRITE_FLAGS],
  pin_fast_longterm: ['PIN_FAST_BENCHMARK', LONGTERM_FLAGS],
};

interface Range {
  readonly region?: string | undefined;
  readonly page?: number | undefined;
  readonly pages?: number | undefined;
}

/** RELEASE and GET_MEM_DEV_TYPE may leave the range out: the driver only checks its form. */
function range({ region = 'r0', page = 0, pages = 1 }: Range): Field[] {
  return [
    ['addr', `AT(${numberOf(region)}, ${page})`],
    ['pages', pages],
  ];
}

function mmapFields(step: StepOf<'mmap'>): Field[] {
  const flags = [step.share === 'shared' ? 'MAP_SHARED' : 'MAP_PRIVATE'];
  if (step.backing === 'anon' || step.backing === 'hugetlb') flags.push('MAP_ANONYMOUS');
  if (step.backing === 'hugetlb') flags.push('MAP_HUGETLB');
  return [
    ...range({ region: step.region, pages: step.pages }),
    ['prot', PROT[step.prot]],
    ['flags', flags.join(' | ')],
    ['fd', step.backing === 'device' ? numberOf(step.fd) : 0],
    ['region', step.backing === 'file' ? numberOf(step.region) : 0],
  ];
}

/** The request's macro. What a generation lacks gets a number that no driver knows, as in the simulation. */
function requestOf(step: IoctlStep, { uapi }: Generation): string {
  const command = commandOf(uapi, step);
  return uapi.nr[command] === undefined ? 'DMIRROR_REQUEST(0xff)' : `HMM_DMIRROR_${command}`;
}

function listOf(step: IoctlStep): string | 0 {
  if (step.cmd === 'GET_MEM_DEV_TYPE') return 'LIST_TYPE';
  if ((step.pages ?? 1) > MAX_LISTED) return 0;
  if (step.cmd === 'SNAPSHOT') return 'LIST_PERM';
  return step.cmd === 'READ' || step.cmd === 'EXCLUSIVE' || migratesToDevice(step) ? 'LIST_DATA' : 0;
}

function ioctlFields(step: IoctlStep, generation: Generation): Field[] {
  const fields: Field[] = [
    ['fd', numberOf(step.fd)],
    ['request', requestOf(step, generation)],
    ...range(step),
    ['list', listOf(step)],
    ['to_device', generation.uapi.hasAllocToDevmem && migratesToDevice(step) ? 'true' : 0],
  ];
  return step.cmd === 'WRITE' ? [...fields, ['write', 'true'], ['word', `${step.word}u`]] : fields;
}

/** The fields of `struct step` that this step's function looks at. */
function fieldsOf(step: Step, generation: Generation, slot: number): readonly Field[] {
  switch (step.op) {
    case 'open':
      return [
        ['fd', numberOf(step.fd)],
        ['device', step.device],
      ];
    case 'close':
      return [['fd', numberOf(step.fd)]];
    case 'mmap':
      return mmapFields(step);
    case 'mprotect':
      return [...range(step), ['prot', PROT[step.prot]]];
    case 'madvise':
      return [...range(step), ['flags', `MADV_${step.advice.toUpperCase()}`]];
    case 'mremap':
      return [...range(step), ['to', `AT(${numberOf(step.to.region)}, ${step.to.page})`]];
    case 'store':
      return [...range(step), ['word', `${step.word}u`]];
    case 'ioctl':
      return ioctlFields(step, generation);
    case 'ioctl_raw':
      return [
        ['fd', numberOf(step.fd)],
        ['request', `DMIRROR_REQUEST(${step.nr})`],
        ['addr', `AT(${numberOf(step.region)}, 0) + ${step.offset}UL`],
        ['npages', `${BigInt(step.npages)}ULL`],
      ];
    case 'gup': {
      const [request, flags] = GUP[step.kind];
      return [...range(step), ['request', request], ['flags', flags]];
    }
    case 'pin':
      return [...range(step), ['write', step.write ? 'true' : 0]];
    case 'fork':
      return [
        ['child', numberOf(step.child)],
        ['slot', slot],
      ];
    case 'unpin':
    case 'exit':
      return [];
    default:
      return range(step);
  }
}

/** The C function that takes the step. */
export function takerOf(step: Step): string {
  if (step.op === 'exit') return 'NULL';
  if (step.op !== 'mmap' || step.backing === 'anon' || step.backing === 'hugetlb') return `take_${step.op}`;
  return `take_mmap_${step.backing}`;
}

/** JSON that the program keeps with ' for ": no value in a step has either in it. */
function quoted(value: unknown): string {
  return cString(JSON.stringify(value).replaceAll('"', "'"));
}

function expectField(expect: Step['expect']): Field[] {
  const pairs = Object.entries(expect ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return [];
  return [['expect', `EXPECT(${pairs.map(([key, value]) => `{ "${key}", ${quoted(value)} }`).join(', ')})`]];
}

function stepText(step: Step, generation: Generation, slot: number, expects: boolean): string {
  const { expect, ...bare } = step;
  const as = step.as ?? 'p0';
  const rows = [
    initialiser([['take', takerOf(step)], ['as', numberOf(as)], ...fieldsOf(step, generation, slot)]),
    initialiser([['json', quoted({ as, ...bare })]]),
    ...(expects ? expectField(expect).map((field) => initialiser([field])) : []),
  ];
  return `\t{ ${rows.join(',\n\t  ')} },`;
}

/** Does the document say that a step kills the kernel? */
function oopses({ steps }: ScenarioDocument): boolean {
  return steps.some(({ expect }) => expect?.oops !== undefined || expect?.hang !== undefined);
}

/** Minors that the scenario opens and that a machine set up as the document says has: one bit each. */
function devicesOf({ steps, machine }: ScenarioDocument, { ndevices }: Generation): number {
  const coherent = (machine?.spm ?? [0, 0]).length === 2;
  const present = machine?.module === false ? 0 : coherent ? ndevices : Math.min(2, ndevices);
  let bits = 0;
  for (const step of steps) if (step.op === 'open' && step.device < present) bits |= 1 << step.device;
  return bits;
}

/** The document up to its steps, as JSON without the braces. */
function headOf({ name, machine }: ScenarioDocument, { id }: Generation): string {
  return JSON.stringify({ name, kernel: id, machine }).slice(1, -1);
}

const isIoctl = ({ op }: Step): boolean => op === 'ioctl' || op === 'ioctl_raw';
export const usesGup = ({ op }: Step): boolean => op === 'gup' || op === 'pin' || op === 'unpin';

/** What p0 does before its first step. */
function setupsOf({ steps }: ScenarioDocument): string[] {
  const setups: string[] = [];
  if (steps.some(({ op }) => op === 'load' || op === 'store')) setups.push('catch_signals');
  if (steps.some(isIoctl)) setups.push('map_mirror');
  if (steps.some(usesGup)) setups.push('open_gup_test');
  return setups;
}

/** The steps of a scenario as a table. An empty one has a member that is never looked at: C wants one. */
export function stepsTable(
  { name, steps }: ScenarioDocument,
  index: number,
  generation: Generation,
  expects: boolean,
): string {
  let forks = 0;
  const rows = steps.map((step) => {
    return stepText(step, generation, step.op === 'fork' ? ++forks : 0, expects);
  });
  if (rows.length === 0) rows.push('\t{ .take = NULL },');
  return `\n/* ${cComment(name)} */\nstatic const struct step steps_${index}[] = {\n${rows.join('\n')}\n};\n`;
}

/** How many steps expect something. */
export function expectedSteps({ steps }: ScenarioDocument): number {
  return steps.filter(({ expect }) => expectField(expect).length > 0).length;
}

/** A row of the table of scenarios. */
export function scenarioRow(
  document: ScenarioDocument,
  index: number,
  generation: Generation,
  expects: boolean,
): string {
  const setups = setupsOf(document);
  const devices = devicesOf(document, generation);
  const fields = initialiser([
    ['steps', `steps_${index}`],
    ['nr_steps', document.steps.length],
    ['nr_expected', expects ? expectedSteps(document) : 0],
    ['devices', devices === 0 ? 0 : `0x${devices.toString(16)}`],
    ['gup', document.steps.some(usesGup) ? 'true' : 0],
    ['oopses', oopses(document) ? 'true' : 0],
    ['setups', setups.length === 0 ? 0 : `{ ${setups.join(', ')} }`],
  ]);
  return `\t{ .name = ${cString(document.name)},\n\t  .head = ${cString(headOf(document, generation))},\n\t  ${fields} },`;
}

// SPDX-License-Identifier: GPL-2.0-only
/** A recording as a scenario document: mappings become regions, and everything gets its name. */
import { fold } from '../scenario/folded.js';
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';
import { WORDS_PER_PAGE } from '../sim/contents.js';
import { errnoName } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import type { AccessDraft, Draft, Mapping, Place } from './draft.js';
import { pagesOf } from './draft.js';
import type { Recorder } from './recorder.js';

export interface Recording {
  readonly name: string;
  /** The tests that were run, in their order; `name` alone, unless told. */
  readonly tests?: readonly string[];
  readonly machine: MachineBlock;
  /** What modprobe answered. */
  readonly load: number;
  /** Can any page become huge, so that it matters how regions are aligned? */
  readonly thpAlways: boolean;
}

/** Mappings by what they are for: memory under test, then buffers, what libc keeps, and where nothing ever was. */
function rankOf({ isHeap, isBuffer, bytes }: Mapping): number {
  if (bytes === 0) return 3;
  return isHeap ? 2 : isBuffer ? 1 : 0;
}

/** "r0 is buffer->ptr", "r0..r9 are buffer->ptr". `numbers`: of the regions, in order. */
function calledText(numbers: readonly number[], names: Mapping['names']): string {
  const [first, last] = [numbers[0]!, numbers.at(-1)!];
  const isRun = numbers.length > 2 && last - first === numbers.length - 1;
  const regions = isRun ? `r${first}..r${last}` : numbers.map((number) => `r${number}`).join(' and ');
  const [is, has] = numbers.length === 1 ? ['is', 'has'] : ['are', 'have'];
  const called = [...names].map(([name, where]) => `${where === 'all' ? is : has} ${name}`);
  return `${regions} ${called.join(', ')}`;
}

class Names {
  readonly #regions = new Map<Mapping, string>();
  readonly #thpAlways: boolean;

  constructor(drafts: readonly Draft[], thpAlways: boolean) {
    this.#thpAlways = thpAlways;
    const used = new Set(drafts.flatMap(mappingsOf).filter(({ again }) => again === undefined));
    const ranked = [...used].sort((a, b) => rankOf(a) - rankOf(b));
    for (const [number, mapping] of ranked.entries()) this.#regions.set(mapping, `r${number}`);
  }

  /** "r0 is buffer->ptr": what the program calls each region, or has in it. */
  get called(): string[] {
    const alike = new Map<string, { readonly names: Mapping['names']; readonly numbers: number[] }>();
    for (const [number, { names }] of [...this.#regions.keys()].entries()) {
      if (names.size === 0) continue;
      const key = JSON.stringify([...names]);
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { names, numbers: [number] });
      else known.numbers.push(number);
    }
    return [...alike.values()].map(({ names, numbers }) => calledText(numbers, names));
  }

  region(mapping: Mapping): string {
    return this.#regions.get(mapping.again?.of ?? mapping)!;
  }

  /** Where in its region a mapping begins: as far from a huge page's start as it was. */
  base({ start, mayBeHuge, again }: Mapping): number {
    if (again !== undefined) return this.base(again.of) + again.page;
    return mayBeHuge || this.#thpAlways ? (start / PAGE_SIZE) % HPAGE_PMD_NR : 0;
  }

  place({ mapping, addr }: Place): { region: string; page: number } {
    const page = this.base(mapping) + Math.floor((addr - mapping.start) / PAGE_SIZE);
    return { region: this.region(mapping), page };
  }

  buffer(place: Place): { region: string; page: number; offset?: number } {
    const offset = place.addr % PAGE_SIZE;
    return { ...this.place(place), ...(offset === 0 ? {} : { offset }) };
  }
}

/** What the draft is about, its buffers included. */
function mappingsOf({ at, buffer, to, file, access }: Draft): Mapping[] {
  const found = [at?.mapping, access?.mapping, file?.mapping, buffer?.mapping, to?.mapping];
  return found.filter((mapping) => mapping !== undefined);
}

/** Drafts that steps can be made of: what libc keeps for itself is none, and no file that was never mapped. */
function sayable(recorder: Recorder): Draft[] {
  const used = new Set(recorder.drafts.filter(({ fields }) => fields.op !== 'mmap').flatMap(mappingsOf));
  return recorder.drafts.filter(({ at, file, fields }) => {
    if (fields.op === 'mmap') return !at!.mapping.isHeap || used.has(at!.mapping);
    return file === undefined || file.mapping !== undefined;
  });
}

/** What is on memory of which a buffer is not a part. */
const COMMANDS = new Set(['ioctl', 'driver', 'gup', 'pin']);

/** Buffers of commands that are not themselves what a command is about. */
function markBuffers(drafts: readonly Draft[]): void {
  const targets = new Set(
    drafts.filter(({ fields }) => COMMANDS.has(String(fields.op))).map(({ at }) => at?.mapping),
  );
  for (const { buffer } of drafts) {
    if (buffer !== undefined && !targets.has(buffer.mapping)) buffer.mapping.isBuffer = true;
  }
}

function accessFields(access: AccessDraft, names: Names): Readonly<Record<string, unknown>> {
  const { op, mapping, addr, count, first, step, add, ok } = access;
  const offset = (addr % PAGE_SIZE) / 4;
  const pages = pagesOf(offset, count);
  const where = { op, ...names.place({ mapping, addr }), pages };
  const whole = offset === 0 && count % WORDS_PER_PAGE === 0;
  const part = { ...(offset === 0 ? {} : { offset }), ...(whole ? {} : { words: count }) };
  // Words that are all alike are told by the answer.
  if (op === 'load' && step === 0 && ok) return { ...where, ...part, ...(add === undefined ? {} : { add }) };
  if (op === 'store' && step === 0 && pages === 1) return { ...where, word: first, ...part };
  const counted = count === 1 ? {} : { step };
  return { ...where, word: first, ...counted, ...part, ...(add === undefined ? {} : { add }) };
}

function accessAnswer({ op, addr, count, first, step, pages, ok }: AccessDraft): StepResult | undefined {
  if (!ok) return pages === undefined ? undefined : { pages };
  const answer = op === 'load' && step === 0 ? first : 'ok';
  return { pages: Array.from({ length: pagesOf((addr % PAGE_SIZE) / 4, count) }, () => answer) };
}

function folded(expect: StepResult | undefined): { expect?: StepResult } {
  if (expect === undefined) return {};
  const entries = Object.entries(expect).map(([key, value]) => [
    key,
    Array.isArray(value) ? fold(value) : value,
  ]);
  return { expect: Object.fromEntries(entries) as StepResult };
}

/** Where the step is, in the order in which documents have their keys. */
function placeFields({ fields, at, file }: Draft, names: Names): Readonly<Record<string, unknown>> {
  if (at !== undefined) {
    const { region, page } = names.place(at);
    return fields.op === 'mmap' && page === 0 ? { region } : { region, page };
  }
  const mapping = file?.mapping;
  if (mapping === undefined) return {};
  // Of the file, wherever it is mapped.
  return { region: names.region(mapping), page: fields.page };
}

function stepOf(draft: Draft, names: Names): Step {
  const { as, fields, access, buffer, to } = draft;
  if (access !== undefined) {
    return { as, ...accessFields(access, names), ...folded(draft.expect ?? accessAnswer(access)) } as Step;
  }
  const { op, cmd, fd, command, page: _, ...rest } = fields;
  const head = { as, op, ...(cmd === undefined ? {} : { cmd }) };
  const isMmap = op === 'mmap';
  return {
    ...head,
    ...(fd === undefined || isMmap ? {} : { fd }),
    ...(command === undefined ? {} : { command }),
    ...placeFields(draft, names),
    ...rest,
    ...(isMmap && fd !== undefined ? { fd } : {}),
    ...(buffer === undefined ? {} : { buffer: names.buffer(buffer) }),
    ...(to === undefined ? {} : { to: names.place(to) }),
    ...folded(draft.expect),
  } as unknown as Step;
}

function sourceOf(recorder: Recorder, { name, tests = [name] }: Recording, names: Names): string {
  const { notes, unsaid, generation } = recorder;
  const beside = [...unsaid].map((what) => `, without ${what}`).join('');
  const once = notes.size === 0 ? '' : `; ${[...notes].join(' and ')}, as it went this time`;
  const called = names.called.map((words) => `; ${words}`).join('');
  const ran = tests.map((test) => ` -r ${test}`).join('');
  return `recorded: smoke${ran} on simulated ${generation.id}${beside}${once}${called}`;
}

/** The document; a lone process goes without saying. */
export function recordedDocument(recorder: Recorder, recording: Recording): ScenarioDocument {
  const drafts = sayable(recorder);
  markBuffers(drafts);
  const names = new Names(drafts, recording.thpAlways);
  const steps = drafts.map((draft) => stepOf(draft, names));
  const alone = drafts.every(({ as, fields }) => as === 'p0' && fields.op !== 'fork');
  const { name, machine, load } = recording;
  return {
    name,
    kernel: recorder.generation.id as ScenarioDocument['kernel'],
    source: sourceOf(recorder, recording, names),
    ...(Object.keys(machine).length === 0 ? {} : { machine }),
    ...(load === 0 ? {} : { load: { ret: errnoName(-load) } }),
    steps: alone ? steps.map(({ as: _, ...step }) => step) : steps,
  };
}

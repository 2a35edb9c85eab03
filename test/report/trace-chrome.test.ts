// SPDX-License-Identifier: GPL-2.0-only
/** The Chrome trace event format: its rules hold for every curated scenario, and arrows lead from there and back. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { ChromeTraceWriter } from '../../src/report/trace-chrome.js';
import { JsonLinesTraceWriter } from '../../src/report/trace-jsonl.js';
import { traceWriter } from '../../src/report/trace-writer.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { Tracer } from '../../src/watch/tracer.js';
import { resultsOf } from '../session/results.js';

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly id?: number;
  readonly cat?: string;
  readonly s?: string;
  readonly bp?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

interface TraceDocument {
  readonly displayTimeUnit: string;
  readonly traceEvents: readonly TraceEvent[];
}

const setups = new Setups();

function trace(documents: readonly ScenarioDocument[]): TraceDocument {
  const writer = new ChromeTraceWriter();
  let text = '';
  for (const document of documents) {
    const setup = setups.of(document);
    const machine = bootMachine(setup);
    text += writer.section(document.name);
    machine.trace = new Tracer(machine, (record) => {
      text += writer.record(record);
    });
    machine.onStep = (index, step) => {
      text += writer.step(document.name, index, machine.now, step);
    };
    resultsOf(machine, document, setup.generation);
  }
  return JSON.parse(text + writer.end()) as TraceDocument;
}

/** What the format demands of one event; undefined when it is well. */
function complaint(event: TraceEvent): string | undefined {
  if (!Number.isInteger(event.pid) || !Number.isInteger(event.tid)) return 'no pid or tid';
  if (event.name === '') return 'no name';
  if (event.ph === 'M') {
    const known = ['process_name', 'process_sort_index', 'thread_name'];
    return known.includes(event.name) ? undefined : 'unknown metadata';
  }
  if (typeof event.ts !== 'number' || event.ts < 0) return 'no time';
  if (event.ph === 'i') return event.s === 't' ? undefined : 'an instant needs its scope';
  if (event.ph === 's' || event.ph === 'f') {
    if (event.id === undefined || event.cat === undefined) return 'a flow needs id and category';
    return event.ph === 's' || event.bp === 'e' ? undefined : 'a flow must end in its enclosing slice';
  }
  return event.ph === 'B' || event.ph === 'E' ? undefined : `unknown phase ${event.ph}`;
}

const trackOf = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;

/** Slices nest on their track, time never runs back on it, and arrows bind to a slice. */
function structure(events: readonly TraceEvent[]): string[] {
  const found: string[] = [];
  const open = new Map<string, string[]>();
  const last = new Map<string, number>();
  const flows = new Map<number, string>();
  for (const [i, event] of events.entries()) {
    if (event.ph === 'M') continue;
    const track = trackOf(event);
    const stack = open.get(track) ?? [];
    open.set(track, stack);
    if (event.ts! < (last.get(track) ?? 0)) found.push(`${i}: time runs back`);
    last.set(track, event.ts!);
    if (event.ph === 'B') stack.push(event.name);
    if (event.ph === 'E' && stack.pop() !== event.name)
      found.push(`${i}: ${event.name} ends what it did not begin`);
    if (event.ph === 's' || event.ph === 'f') {
      if (stack.length === 0) found.push(`${i}: a flow outside of all slices`);
      const begun = flows.get(event.id!);
      if (event.ph === 's' && begun !== undefined) found.push(`${i}: flow ${event.id} begins twice`);
      if (event.ph === 'f' && begun !== 's') found.push(`${i}: flow ${event.id} ends without a beginning`);
      flows.set(event.id!, event.ph);
    }
  }
  for (const [track, stack] of open) if (stack.length > 0) found.push(`${track}: ${stack} never ends`);
  return found;
}

/** Every track that events lie on has a name. */
function nameless(events: readonly TraceEvent[]): string[] {
  const named = new Set(events.filter(({ name }) => name === 'thread_name').map(trackOf));
  return [...new Set(events.filter(({ ph }) => ph !== 'M').map(trackOf))].filter(
    (track) => !named.has(track),
  );
}

t.test('every rule of the format, for the curated scenarios', async (t) => {
  for (const kernel of ['6.1']) {
    const file = `test/golden/${kernel}/curated.jsonl.gz`;
    const { documents } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
    const { displayTimeUnit, traceEvents } = trace(documents.map(({ document }) => document));
    t.equal(displayTimeUnit, 'ns');
    t.ok(traceEvents.length > 1000);
    t.same(
      traceEvents.filter((event) => complaint(event) !== undefined),
      [],
    );
    t.same(structure(traceEvents), []);
    t.same(nameless(traceEvents), []);
  }
});

t.test('an arrow leads from the migration to the fault that brings the page back', async (t) => {
  const document: ScenarioDocument = {
    name: 'there and back',
    kernel: '6.12',
    steps: [
      { op: 'open', fd: 'd0', device: 0 },
      { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
      { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 1 },
      { op: 'load', region: 'r0', page: 0, pages: 1 },
    ],
  };
  const { traceEvents } = trace([document]);
  const names = new Map(
    traceEvents
      .filter(({ name }) => name === 'thread_name')
      .map((event) => [trackOf(event), event.args!.name as string]),
  );
  const flows = traceEvents.filter(({ ph }) => ph === 's' || ph === 'f');
  t.same(
    flows.map((event) => [event.ph, event.id, names.get(trackOf(event))]),
    [
      ['s', 1, 'hmm_dmirror0'],
      ['f', 1, 'p0'],
    ],
  );
  const slices = traceEvents
    .filter(({ ph }) => ph === 'B')
    .map((event) => [names.get(trackOf(event)), event.name]);
  t.same(slices.slice(-3), [
    ['p0', 'ioctl'],
    ['hmm_dmirror0', 'MIGRATE_TO_DEV'],
    ['p0', 'page fault'],
  ]);
});

t.test(
  'a process for each pid, a track for each thread, a marker for each step, and an end for each arrow',
  async (t) => {
    const document: ScenarioDocument = {
      name: 'freed',
      kernel: '6.12',
      steps: [
        { op: 'open', fd: 'd0', device: 0 },
        { op: 'mmap', region: 'r0', pages: 3, prot: 'rw', share: 'private', backing: 'anon' },
        { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 3 },
        { op: 'fork', child: 'p1' },
        { op: 'load', as: 'p1', region: 'r0', page: 0, pages: 1 },
        { op: 'munmap', region: 'r0', page: 0, pages: 2 },
        { op: 'munmap', as: 'p1', region: 'r0', page: 0, pages: 2 },
        { op: 'exit', as: 'p1' },
        { op: 'munmap', region: 'r0', page: 2, pages: 1 },
      ],
    };
    const { traceEvents } = trace([document, document]);
    const called = (kind: string) => traceEvents.filter(({ name }) => name === kind);
    const processes = new Map(called('process_name').map(({ pid, args }) => [pid, args!.name]));
    const titles = ['p0 (pid 1)', 'steps', 'devices', 'p1 (pid 2)'].map((title) => `freed: ${title}`);
    t.strictSame([...processes.values()], [...titles, ...titles], 'each machine has its own');
    const tracks = called('thread_name').map(({ pid, args }) => [processes.get(pid), args!.name]);
    t.strictSame(tracks.slice(0, 4), [
      ['freed: p0 (pid 1)', 'p0'],
      ['freed: steps', 'steps'],
      ['freed: devices', 'hmm_dmirror0'],
      ['freed: p1 (pid 2)', 'p1'],
    ]);
    const steps = traceEvents.filter(({ cat }) => cat === 'step').map(({ name, args }) => [name, args!.step]);
    t.equal(steps.length, 18);
    t.strictSame(steps[2], ['step 2', 'p0 MIGRATE_TO_DEV d0 r0[0..2]']);
    const open = new Map<string, string[]>();
    const flows: (string | number | undefined)[][] = [];
    for (const event of traceEvents) {
      const stack = open.get(trackOf(event)) ?? [];
      open.set(trackOf(event), stack);
      if (event.ph === 'B') stack.push(event.name);
      if (event.ph === 'E') stack.pop();
      if (event.ph === 's' || event.ph === 'f') flows.push([event.ph, event.id, stack.at(-1)]);
    }
    t.strictSame(flows.slice(0, 6), [
      ['s', 1, 'MIGRATE_TO_DEV'],
      ['s', 2, 'MIGRATE_TO_DEV'],
      ['s', 3, 'MIGRATE_TO_DEV'],
      ['f', 1, 'page fault'],
      ['f', 2, 'munmap'],
      ['f', 3, 'munmap'],
    ]);
    t.equal(flows.length, 12);
    t.strictSame(structure(traceEvents), []);
  },
);

t.test('threads of one process have a track each', async (t) => {
  const machine = Machine.boot({ kernel: '6.12' });
  const writer = new ChromeTraceWriter();
  let text = writer.section('threads');
  machine.trace = new Tracer(machine, (record) => {
    text += writer.record(record);
  });
  machine.call(machine.spawn('two'), function* (sys) {
    yield* sys.nanosleep(10);
    const thread = yield* sys.pthread_create(function* (other) {
      yield* other.nanosleep(100);
    });
    yield* sys.nanosleep(50);
    if (typeof thread !== 'number') yield* thread.join();
  });
  const { traceEvents } = JSON.parse(text + writer.end()) as TraceDocument;
  const tracks = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args!.name);
  t.strictSame(tracks, ['two', 'two thread 1']);
  t.strictSame(structure(traceEvents), []);
});

t.test('the checks notice what is wrong', async (t) => {
  const base = { pid: 1, tid: 1, name: 'x', ts: 1 };
  t.equal(complaint({ ...base, ph: 'X' }), 'unknown phase X');
  t.equal(complaint({ ...base, ph: 'i' }), 'an instant needs its scope');
  t.equal(complaint({ ...base, ph: 's' }), 'a flow needs id and category');
  t.same(structure([{ ...base, ph: 'B' }]), ['1/1: x never ends']);
  t.same(structure([{ ...base, ph: 'E' }]), ['0: x ends what it did not begin']);
  t.same(nameless([{ ...base, ph: 'i' }]), ['1/1']);
});

t.test('the arguments of an event do not hide what it is', async (t) => {
  const document: ScenarioDocument = {
    name: 'told',
    kernel: '6.12',
    steps: [
      { op: 'open', fd: 'd0', device: 0 },
      { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
      { op: 'store', region: 'r0', page: 0, pages: 1, word: 1 },
      { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 1 },
    ],
  };
  const setup = setups.of(document);
  const machine = bootMachine(setup);
  const writer = new JsonLinesTraceWriter();
  const [wanted, lines]: [string[], string[]] = [[], []];
  machine.trace = new Tracer(machine, (record) => {
    wanted.push(record.event);
    lines.push(writer.record(record));
  });
  resultsOf(machine, document, setup.generation);
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
  t.same(events, wanted);
  t.ok(events.includes('mmu_notifier_invalidate_range_start'));
});

t.test('names choose the format', async (t) => {
  t.equal(traceWriter('a.txt')?.constructor.name, 'FtraceWriter');
  t.equal(traceWriter('a.jsonl')?.constructor.name, 'JsonLinesTraceWriter');
  t.equal(traceWriter('a.json')?.constructor.name, 'ChromeTraceWriter');
  t.equal(traceWriter('a.log'), undefined);
  t.same(JSON.parse(new ChromeTraceWriter().end()), { displayTimeUnit: 'ns', traceEvents: [] });
});

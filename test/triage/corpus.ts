// SPDX-License-Identifier: GPL-2.0-only
/** Logs to triage, with what is right: recorded runs, and the suite of each kernel with each bug that it sees. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { CONDITIONS } from '../../src/cli/triage-conditions.js';
import { suiteSymptoms } from '../../src/generations/bugs/suite-symptoms.js';
import { generationById } from '../../src/generations/index.js';
import { suiteLines } from '../../src/generations/suite-lines.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { ktapLines } from '../../src/report/ktap.js';
import type { HarnessEvent, LogEvent } from '../../src/selftests/events.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { errnoName } from '../../src/uapi/errno.js';

export interface Sample {
  readonly name: string;
  readonly lines: readonly string[];
  readonly generation: string;
  readonly kernel: string;
  /** Tests that fail, in order. */
  readonly failed: readonly string[];
  readonly condition?: string;
  /** What the kernel shows on this machine without the bug, too: tests, and symptoms of reports that name no test. */
  readonly anyway?: ReadonlySet<string>;
  readonly bug?: string;
  /** Functions that warn or die; a log without these lines tells less. */
  readonly warns?: boolean;
}

function recorded(path: string): string[] {
  const bytes = readFileSync(new URL(`../${path}`, import.meta.url));
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return text.trimEnd().split('\n');
}

const exclusive = ['private', 'coherent'].flatMap((type) =>
  ['exclusive', 'exclusive_mprotect', 'exclusive_cow'].map((test) => `hmm.hmm_device_${type}.${test}`),
);

const golden = (name: string) => recorded(`golden/ktap/${name}.txt`);
const at612 = { generation: '6.12', kernel: '6.12.117' };
const at61 = { generation: '6.1', kernel: '6.1.192' };
const at73 = { generation: '7.3', kernel: '7.3.4' };

export const recordings: readonly Sample[] = [
  { ...at61, name: '6.1-private', lines: golden('6.1-private'), failed: [], condition: 'no-spm' },
  { ...at61, name: '6.1-spm', lines: golden('6.1-spm'), failed: [] },
  { ...at612, name: '6.12-private', lines: golden('6.12-private'), failed: [], condition: 'no-spm' },
  { ...at612, name: '6.12-spm', lines: golden('6.12-spm'), failed: [] },
  { ...at612, name: '6.12-one', lines: golden('6.12-one'), failed: [] },
  {
    ...at612,
    name: '6.12-thp-always',
    lines: golden('6.12-thp-always'),
    failed: exclusive,
    condition: 'thp-always',
    bug: 'exclusive-thp-tail',
  },
  {
    ...at612,
    name: '6.12-no-module',
    lines: golden('6.12-no-module'),
    failed: ['hmm.hmm_device_private.open_close', 'hmm.hmm_device_private.migrate'],
    condition: 'no-module',
  },
  {
    ...at73,
    name: '7.3-private',
    lines: golden('7.3-private'),
    failed: [],
    condition: 'no-spm',
  },
  {
    ...at73,
    name: '7.3-private-thp-always',
    lines: golden('7.3-private-thp-always'),
    failed: [],
    condition: 'no-spm',
  },
  {
    ...at73,
    name: '7.3-spm',
    lines: golden('7.3-spm'),
    failed: ['hmm.hmm_device_coherent.migrate_anon_huge_err'],
    condition: 'coherent-small',
  },
];

/** A WARN as the kernel prints it. */
function warning(fn: string): string[] {
  return [
    '------------[ cut here ]------------',
    `WARNING: CPU: 0 PID: 77 at mm/memory.c:1400 ${fn}+0x12a/0x9f0`,
    'CPU: 0 PID: 77 Comm: hmm-tests Not tainted',
    `RIP: 0010:${fn}+0x12a/0x9f0`,
    'Call Trace:',
    ' <TASK>',
    ` ${fn}+0x12a/0x9f0`,
    ' unmap_page_range+0x3/0x4',
    ' </TASK>',
    '---[ end trace 0000000000000000 ]---',
  ];
}

function oops(fn: string): string[] {
  return [
    'BUG: unable to handle page fault for address: ffffea0fffffffc8',
    'Oops: 0000 [#1] SMP',
    'CPU: 0 PID: 77 Comm: hmm-tests Not tainted',
    `RIP: 0010:${fn}+0x61/0xe0 [test_hmm]`,
    'Call Trace:',
    ' dmirror_fops_unlocked_ioctl+0x3/0x4 [test_hmm]',
    '---[ end trace 0000000000000000 ]---',
  ];
}

/** Lines as a real machine would have written them. */
class Scribe {
  readonly lines: string[] = [];
  readonly failed: string[] = [];
  warns = false;
  private seen = 0;
  private test = '';

  constructor(private readonly kernel: string) {}

  event(event: HarnessEvent, style: Parameters<typeof ktapLines>[1], dmesg: readonly string[]): void {
    if (event.type === 'start') this.test = event.name;
    if (event.type === 'result') {
      for (const line of dmesg.slice(this.seen)) {
        const fn = /^WARNING: ([^:]+):/.exec(line)?.[1];
        if (fn === undefined) continue;
        this.warns = true;
        this.lines.push(...warning(fn));
      }
      this.seen = dmesg.length;
      if (event.code === 1) this.failed.push(event.name);
    }
    this.lines.push(...(event.type === 'log' ? this.log(event) : ktapLines(event, style)));
  }

  machineIsNew(): void {
    this.seen = 0;
  }

  private log({ kind, text }: LogEvent): string[] {
    const more = /^\S+:\d+:(\w+):(\d+) more like this followed$/.exec(text);
    if (more !== null)
      return Array.from({ length: Math.min(Number(more[2]), 100) }, () => this.lines.at(-1)!);
    if (kind === 'assertion') return [`# ${text.replace(/^[^:]+:\d+:/, `hmm-tests.c:${this.place()}:`)}`];
    const died = /^(\w+): Kernel oops in (\w+)/.exec(text);
    if (died !== null) return [...oops(died[2]!), `# ${died[1]}: Test terminated unexpectedly by signal 9`];
    return /: Hung in /.test(text) ? [] : [`# ${text}`];
  }

  private place(): number {
    const [fixture, test] = [this.test.split('.')[0], this.test.split('.').at(-1)];
    return suiteLines[this.kernel]?.[`${fixture}.${test}`]?.[0] ?? 1000;
  }
}

function sampleOf(kernel: string, condition: string, bug: string): Sample {
  const description = describeMachine({ kernel, bugs: [bug], ...CONDITIONS[condition] });
  const suite = hmmTests(description.generation);
  const scribe = new Scribe(kernel);
  let machine: Machine | undefined;
  const steps = test_harness_run({
    suite,
    machine: () => {
      machine = Machine.bootAs(description);
      machine.onStderr = (line) => scribe.lines.push(line);
      scribe.machineIsNew();
      const error = machine.loadModule(description.module!.name, description.module!.params);
      if (error < 0) scribe.lines.push(`modprobe: could not insert test_hmm: ${errnoName(-error)}`);
      return machine;
    },
    onEvent: (event) => scribe.event(event, suite.style, machine?.dmesg ?? []),
  });
  for (let step = steps.next(); !step.done; step = steps.next());
  const { lines, failed, warns } = scribe;
  const name = `${kernel} ${condition} ${bug}`;
  const { release } = generationById(kernel)!;
  const anyway = failingAnyway(kernel, condition);
  return { name, lines, generation: kernel, kernel: release, failed, bug, warns, anyway };
}

/** What the machine alone does. */
function failingAnyway(kernel: string, condition: string): ReadonlySet<string> {
  const rows = suiteSymptoms.filter(
    (row) => row.kernel === kernel && row.condition === condition && row.bug === undefined,
  );
  return new Set(rows.flatMap(({ shows }) => shows.flatMap(({ says, tests }) => [says, ...tests])));
}

/** Each bug that a suite sees, on the machines on which it does; bugs that a kernel has by itself are none of these. */
export function* bugSamples(): Generator<Sample> {
  const done = new Set<string>();
  for (const { kernel, condition, bug } of suiteSymptoms) {
    if (bug === undefined || condition === 'thp-always') continue;
    const sample = sampleOf(kernel, condition, bug);
    if (done.has(sample.name)) continue;
    done.add(sample.name);
    yield sample;
  }
}

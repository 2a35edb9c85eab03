// SPDX-License-Identifier: GPL-2.0-only
/** Records what the processes of a program do: system calls, loads and stores, in the order in which they end. */
import type { Generation } from '../generations/index.js';
import type { Process } from '../kernel/process.js';
import type { Hang } from '../sim/errors.js';
import type { SimTask } from '../sim/executor.js';
import type { Outside } from '../user/program.js';
import { type AccessDraft, type Draft, foldAccess } from './draft.js';
import type { Bare } from './memory.js';
import { ProcessRecord } from './process-record.js';
import { RecordedProgram } from './program.js';

type NewDraft = Omit<Draft, 'as' | 'order'>;

/** A call that has begun. */
export interface Begun {
  readonly pid: number;
  readonly order: number;
  /** The thread that is in it. */
  readonly task: SimTask | null;
  /** What it does. */
  readonly bare: () => Bare | undefined;
}

/** As a hang tells it. */
const whereIs = (task: SimTask | null): string => task?.where || (task?.name ?? '');

export class Recorder {
  #drafts: Draft[] = [];
  /** What the program did that no step says. */
  readonly unsaid = new Set<string>();
  /** Why another run might come out otherwise. */
  readonly notes = new Set<string>();
  readonly #processes = new Map<number, ProcessRecord>();
  readonly #begun = new Set<Begun>();
  #order = 0;

  /** `inARow`: of programs one after another, each a child of p0, which does nothing else. */
  constructor(
    readonly generation: Generation,
    private readonly inARow = false,
  ) {}

  get drafts(): readonly Draft[] {
    return this.#drafts;
  }

  /** The draft that was added last, wherever it went. */
  last!: Draft;

  /** The program of a process that nobody forked: one that tells everything it does. */
  readonly program = (process: Process, outside: Outside): RecordedProgram => {
    const name = this.inARow ? this.#forkedBy('p0') : 'p0';
    this.#processes.set(process.pid, new ProcessRecord(name));
    return new RecordedProgram(process, outside, this);
  };

  /** What is known of a process. */
  of(pid: number): ProcessRecord {
    return this.#processes.get(pid)!;
  }

  /** Context: the child has just been made. */
  forked(parent: number, child: number): void {
    const of = this.of(parent);
    this.#processes.set(child, of.cloneAs(this.#forkedBy(of.name)));
  }

  /** Return: the child's name. */
  #forkedBy(as: string): string {
    const child = `p${this.#processes.size + Number(this.inARow)}`;
    this.#add(as, { fields: { op: 'fork', child }, expect: { ret: 0 } });
    return child;
  }

  died(pid: number): void {
    const process = this.of(pid);
    if (process.dead) return;
    this.add(pid, { fields: { op: 'exit' }, expect: { ret: 0 } });
    process.dead = true;
  }

  add(pid: number, draft: NewDraft): void {
    this.#add(this.of(pid).name, draft);
  }

  #add(as: string, draft: NewDraft): void {
    this.last = { as, order: this.#order++, ...draft };
    this.#drafts.push(this.last);
  }

  addAccess(pid: number, access: AccessDraft): void {
    this.add(pid, { fields: {}, access });
    foldAccess(this.#drafts);
  }

  begin(pid: number, task: SimTask | null, bare: Begun['bare']): Begun {
    const begun = { pid, task, bare, order: this.#order++ };
    this.#begun.add(begun);
    return begun;
  }

  /** However it ended. */
  over(begun: Begun): void {
    this.#begun.delete(begun);
  }

  /** Nothing goes on any more. A call that hangs by itself is the last step; calls that wait for each other are none. */
  hung({ where }: Hang): void {
    const [begun, ...others] = this.#begun;
    const draft = begun?.bare();
    if (others.length > 0) this.unsaid.add(`the hang of ${others.length + 1} calls at once`);
    else if (draft !== undefined) this.add(begun!.pid, { ...draft, expect: { hang: whereIs(begun!.task) } });
    else if (this.last?.fields.op === 'exit') this.last.expect = { hang: where };
    else this.unsaid.add(`the hang in ${where}`);
  }

  /**
   * The end of a call. What succeeded found all as it was when it began, whatever another thread did meanwhile; what
   * failed may have failed because of that.
   */
  end({ pid, order }: Begun, draft: NewDraft, ok: boolean): void {
    this.add(pid, draft);
    const { as } = this.last;
    const later = this.#drafts.findIndex((one) => one !== this.last && one.order > order && one.as === as);
    if (!ok || later < 0) return;
    this.#drafts.pop();
    this.#drafts.splice(later, 0, this.last);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** A program's libc that notices a forgotten `yield*`, which JavaScript lets pass without a word. */
import type { Process } from '../kernel/process.js';
import { UsageError } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import type { Sys, UserMain } from '../user/api.js';
import { type Outside, Program } from '../user/program.js';

type TaskName = {
  [K in keyof Sys]: Sys[K] extends (...args: never[]) => Task<unknown> ? K : never;
}[keyof Sys];

/** What has to be called with `yield*`: a method that is missing here is a type error. */
const TASKS: Readonly<Record<TaskName, true>> = {
  syscall: true,
  open: true,
  close: true,
  read: true,
  write: true,
  pread: true,
  pwrite: true,
  lseek: true,
  ftruncate: true,
  mount: true,
  umount: true,
  unlink: true,
  mkdir: true,
  rmdir: true,
  fcntl: true,
  memfd_create: true,
  fallocate: true,
  fsync: true,
  sync_file_range: true,
  msync: true,
  userfaultfd: true,
  mincore: true,
  process_vm_readv: true,
  process_vm_writev: true,
  ioctl: true,
  mmap: true,
  prctl: true,
  arch_prctl: true,
  munmap: true,
  mprotect: true,
  madvise: true,
  mremap: true,
  mbind: true,
  set_mempolicy: true,
  get_mempolicy: true,
  migrate_pages: true,
  move_pages: true,
  mlock: true,
  munlock: true,
  fork: true,
  exit: true,
  kill: true,
  waitpid: true,
  nanosleep: true,
  spin: true,
  pthread_create: true,
  load32: true,
  store32: true,
  loadBytes: true,
  storeBytes: true,
  storeSeq: true,
  checkSeq: true,
  tryStorePage: true,
  tryLoadPage: true,
  tryStoreWords: true,
  tryCheckWords: true,
  tryLoadWords: true,
  tryAddWords: true,
  malloc: true,
  free: true,
};

const GENERATOR = 'a program is a generator: function* (sys) { ... }';

/** A call that begins when `yield*` asks for it. */
class PendingCall {
  constructor(
    readonly text: string,
    private readonly begin: () => Task<unknown>,
  ) {}

  [Symbol.iterator](): Task<unknown> {
    return this.begin();
  }
}

/** What only a call that has come back has, taken from one that nobody waits for, is a mistake. */
const unbegun: ProxyHandler<PendingCall> = {
  get(call, key) {
    if (key === Symbol.iterator) return () => call[Symbol.iterator]();
    if (key === 'text') return call.text;
    throw new UsageError(`"yield*" is missing before ${call.text}, whose ${String(key)} is asked for`);
  },
};

const isTask = (value: unknown): boolean =>
  value instanceof PendingCall || (typeof value === 'object' && value !== null && 'next' in value);

const shown = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'string' ? JSON.stringify(value) : '...';

export class CarefulProgram extends Program {
  /** Calls that nobody has begun. */
  readonly #pending = new Set<PendingCall>();

  constructor(process: Process, outside: Outside, heap?: Program['heap']) {
    super(process, outside, heap);
  }

  override cloneFor(child: Process): CarefulProgram {
    return new CarefulProgram(child, this.outside, this.heap.clone());
  }

  /** Call `name` as soon as somebody waits for it. Throws UsageError where an argument is a call that nobody waited for. */
  later(
    name: string,
    args: readonly unknown[],
    begin: () => Task<unknown>,
    of: 'sys.' | '' = 'sys.',
  ): PendingCall {
    for (const arg of args) {
      if (!(arg instanceof PendingCall)) continue;
      throw new UsageError(
        `"yield*" is missing before ${arg.text}, which ${name}() is given`,
        `${of}${name}`,
      );
    }
    const call = new PendingCall(`${of}${name}(${args.map(shown).join(', ')})`, () => {
      this.#pending.delete(call);
      // Nobody comes back from there.
      if (name === 'exit') forgot(this);
      return begin();
    });
    this.#pending.add(call);
    return call;
  }

  /** The end of a program, good or bad. Return: a call that has never begun, in words; undefined when there is none. */
  forgotten(): string | undefined {
    const [call] = this.#pending;
    this.#pending.clear();
    return call?.text;
  }
}

/** Throws UsageError when the program has called what it did not wait for. */
function forgot(sys: Sys): void {
  const text = sys instanceof CarefulProgram ? sys.forgotten() : undefined;
  if (text !== undefined) {
    throw new UsageError(`${text} was called without "yield*", so that it never ran`);
  }
}

/** What a helper of tests has first: a test's context, or the program itself. */
type First = Sys | { readonly sys: Sys };

/**
 * A helper of tests that has to be called with `yield*`. Throws UsageError where it is given something else first, where what
 * it will answer is used before it has run, and where an argument is such an answer.
 */
export function helper<A extends readonly [First, ...unknown[]], T>(
  name: string,
  fn: (...args: A) => Task<T>,
): (...args: A) => Task<T> {
  return (...args) => {
    const first: unknown = args[0];
    const sys = first instanceof Program ? first : (first as { sys?: unknown } | undefined)?.sys;
    if (!(sys instanceof Program)) throw new UsageError('expected t, or t.sys, as its first argument', name);
    if (!(sys instanceof CarefulProgram)) return fn(...args);
    const begin = () => fn(...args)[Symbol.iterator]() as Task<unknown>;
    const call = sys.later(name, args, begin, '');
    return new Proxy(call, unbegun) as unknown as Task<T>;
  };
}

/** The program `main`, checked: that it is a generator, and that it has waited for all that it called. */
export function carefully(main: UserMain): UserMain {
  return function* (sys) {
    const task: unknown = typeof main === 'function' ? main(sys) : undefined;
    if (!isTask(task)) throw new UsageError(GENERATOR);
    try {
      const value = yield* task as ReturnType<UserMain>;
      forgot(sys);
      return value;
    } finally {
      if (sys instanceof CarefulProgram) sys.forgotten();
    }
  };
}

/** Programs that a call takes: of a child, of a thread. */
const checkedArgument = (value: unknown): unknown =>
  typeof value === 'function' ? carefully(value as UserMain) : value;

for (const name of Object.keys(TASKS) as TaskName[]) {
  const plain = Program.prototype[name] as (...args: unknown[]) => Task<unknown>;
  Object.defineProperty(CarefulProgram.prototype, name, {
    configurable: true,
    writable: true,
    value(this: CarefulProgram, ...args: unknown[]) {
      const checked = args.map(checkedArgument);
      return this.later(name, args, () => plain.apply(this, checked));
    },
  });
}

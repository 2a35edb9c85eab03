// SPDX-License-Identifier: GPL-2.0-only
/** A program that tells a recorder what it does, and else does the same as any other. */
import { type Process, ProcessKilled } from '../kernel/process.js';
import type { WaitStatus } from '../kernel/syscalls/types.js';
import { retOf } from '../scenario/result.js';
import { WORDS_PER_PAGE } from '../sim/contents.js';
import { KernelBug } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { F_SETFL } from '../uapi/fcntl.js';
import { O_DIRECT, PAGE_SIZE } from '../uapi/mman.js';
import type { Mismatch, PageValue, UserMain } from '../user/api.js';
import { MMAP_THRESHOLD } from '../user/malloc.js';
import { type Outside, Program } from '../user/program.js';
import type { Pthread } from '../user/threads.js';
import { ioctlDraft } from './commands.js';
import type { AccessDraft } from './draft.js';
import { adviceDraft, type Bare, fdOf, mmapDraft, mremapDraft, protDraft, rangeDraft } from './memory.js';
import {
  CoreAnswer,
  mbindDraft,
  mempolicyDraft,
  migratePagesDraft,
  movePagesDrafts,
  NodesAnswer,
} from './nodes.js';
import type { ProcessRecord } from './process-record.js';
import type { Begun, Recorder } from './recorder.js';

/** What stays where it was is counted. */
const staying = (stays: number): object => ({ ret: 0, stays });

export class RecordedProgram extends Program {
  /** Does malloc() map small blocks' memory right now? */
  #inHeap = false;

  constructor(
    process: Process,
    outside: Outside,
    private readonly recorder: Recorder,
    heap?: ConstructorParameters<typeof Program>[2],
  ) {
    super(process, outside, heap);
  }

  override cloneFor(child: Process): RecordedProgram {
    this.recorder.forked(this.pid, child.pid);
    return new RecordedProgram(child, this.outside, this.recorder, this.heap.clone());
  }

  private get own(): ProcessRecord {
    return this.recorder.of(this.pid);
  }

  // --- files --------------------------------------------------------------------------------------------

  override *open(path: string, flags: number, mode?: number): Task<number> {
    const file = fdOf(path, flags, this.own);
    if (file.kind !== 'device' && file.kind !== 'driver') {
      const fd = yield* this.guarded(super.open(path, flags, mode));
      if (fd >= 0) this.own.fds.set(fd, file);
      if (file.kind === 'other') this.recorder.unsaid.add(`what it did with ${path}`);
      return fd;
    }
    const device = file.kind === 'device' ? file.minor : file.device;
    const fields = { op: 'open', fd: file.name, device };
    const fd = yield* this.told(super.open(path, flags, mode), () => ({ fields }));
    if (fd >= 0) this.own.fds.set(fd, file);
    return fd;
  }

  override *close(fd: number): Task<number> {
    const file = this.own.fds.get(fd);
    if (file?.kind !== 'device' && file?.kind !== 'driver') return yield* this.guarded(super.close(fd));
    const ret = yield* this.told(super.close(fd), () => ({ fields: { op: 'close', fd: file.name } }));
    this.own.fds.delete(fd);
    return ret;
  }

  override *ftruncate(fd: number, length: number): Task<number> {
    const file = this.own.fds.get(fd);
    if (file?.kind !== 'memory') return yield* this.guarded(super.ftruncate(fd, length));
    const { memory } = file;
    memory.bytes = length;
    // What is mapped later makes the file as long as it is.
    if (memory.mapping === undefined) return yield* this.guarded(super.ftruncate(fd, length));
    const fields = { op: 'truncate', pages: length / PAGE_SIZE };
    return yield* this.told(super.ftruncate(fd, length), () => ({ fields, file: memory }));
  }

  override *fsync(fd: number): Task<number> {
    const file = this.own.fds.get(fd);
    if (file?.kind === 'memory' && file.memory.mapping !== undefined)
      return yield* this.told(super.fsync(fd), () => ({ fields: { op: 'fsync' }, file: file.memory }));
    this.recorder.unsaid.add('an fsync');
    return yield* this.guarded(super.fsync(fd));
  }

  override *fcntl(fd: number, cmd: number, arg: number): Task<number> {
    const ret = yield* this.guarded(super.fcntl(fd, cmd, arg));
    const file = this.own.fds.get(fd);
    if (file?.kind === 'memory' && cmd === F_SETFL) {
      if (ret >= 0) file.memory.direct = (arg & O_DIRECT) !== 0;
    } else this.recorder.unsaid.add('an fcntl');
    return ret;
  }

  override *memfd_create(name: string, flags: number): Task<number> {
    const fd = yield* this.guarded(super.memfd_create(name, flags));
    if (fd >= 0)
      this.own.fds.set(fd, {
        kind: 'memory',
        memory: { mapping: undefined, mappedPages: 0, bytes: 0, onDisk: false },
      });
    return fd;
  }

  override pread(fd: number, buf: number, count: number, offset: number): Task<number> {
    return this.transfer('fread', super.pread(fd, buf, count, offset), fd, buf, count, offset);
  }

  override pwrite(fd: number, buf: number, count: number, offset: number): Task<number> {
    return this.transfer('fwrite', super.pwrite(fd, buf, count, offset), fd, buf, count, offset);
  }

  private *transfer(
    op: string,
    task: Task<number>,
    fd: number,
    buf: number,
    count: number,
    at: number,
  ): Task<number> {
    const file = this.own.fds.get(fd);
    const buffer = this.own.place(buf);
    const whole = count % PAGE_SIZE === 0 && at % PAGE_SIZE === 0;
    if (file?.kind !== 'memory' || buffer === undefined || !whole) {
      this.recorder.unsaid.add('a read or write of a file');
      return yield* this.guarded(task);
    }
    const direct = file.memory.direct ? { direct: true } : {};
    const fields = { op, page: at / PAGE_SIZE, pages: count / PAGE_SIZE, ...direct };
    return yield* this.told(
      task,
      () => ({ fields, file: file.memory, buffer }),
      (bytes) => ({ ret: 0, bytes }),
    );
  }

  override *ioctl(fd: number, request: number, arg: number): Task<number> {
    const { own, recorder } = this;
    const command = ioctlDraft(own, recorder.generation, fd, request, arg);
    const task = super.ioctl(fd, request, arg);
    if (command === undefined) {
      recorder.unsaid.add('an ioctl');
      return yield* this.guarded(task);
    }
    const ret = yield* this.told(task, () => command.bare);
    own.pending = ret < 0 ? undefined : command.pending(recorder.last);
    return ret;
  }

  // --- memory -------------------------------------------------------------------------------------------

  override *mmap(
    addr: number,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ): Task<number> {
    const heap = this.#inHeap;
    const { own } = this;
    return yield* this.told(super.mmap(addr, length, prot, flags, fd, offset), (ret) => {
      return mmapDraft(own, ret < 0 ? addr : ret, ret >= 0, { length, prot, flags, fd, heap });
    });
  }

  override munmap(addr: number, length: number): Task<number> {
    const { own } = this;
    return this.onRange(super.munmap(addr, length), (ret) => {
      const draft = rangeDraft(own, 'munmap', addr, length);
      if (ret >= 0) own.unmap(addr, length);
      return draft;
    });
  }

  override mprotect(addr: number, length: number, prot: number): Task<number> {
    return this.onRange(super.mprotect(addr, length, prot), () => protDraft(this.own, addr, length, prot));
  }

  override madvise(addr: number, length: number, advice: number): Task<number> {
    return this.onRange(super.madvise(addr, length, advice), () =>
      adviceDraft(this.own, addr, length, advice),
    );
  }

  override mremap(old: number, oldLength: number, newLength: number, flags: number, to = 0): Task<number> {
    const { own } = this;
    return this.onRange(super.mremap(old, oldLength, newLength, flags, to), (ret) =>
      mremapDraft(own, { old, oldLength, newLength, flags, to }, ret >= 0),
    );
  }

  override mlock(addr: number, length: number): Task<number> {
    return this.onRange(super.mlock(addr, length), () => rangeDraft(this.own, 'mlock', addr, length));
  }

  override munlock(addr: number, length: number): Task<number> {
    return this.onRange(super.munlock(addr, length), () => rangeDraft(this.own, 'munlock', addr, length));
  }

  override *mincore(addr: number, length: number, vec: number): Task<number> {
    const { own, recorder } = this;
    const ret = yield* this.onRange(super.mincore(addr, length, vec), () =>
      rangeDraft(own, 'mincore', addr, length),
    );
    own.pending = ret < 0 ? undefined : new CoreAnswer(recorder.last, vec);
    return ret;
  }

  override mbind(
    addr: number,
    length: number,
    mode: number,
    mask: number,
    maxnode: number,
    flags: number,
  ): Task<number> {
    const task = super.mbind(addr, length, mode, mask, maxnode, flags);
    return this.onRange(task, () => mbindDraft(this.own, { addr, length, mode, mask, maxnode, flags }));
  }

  override set_mempolicy(mode: number, mask: number, maxnode: number): Task<number> {
    const task = super.set_mempolicy(mode, mask, maxnode);
    return this.onRange(task, () => mempolicyDraft(this.own, mode, mask, maxnode));
  }

  override *migrate_pages(pid: number, maxnode: number, from: number, onto: number): Task<number> {
    const draft = migratePagesDraft(this.own, pid, maxnode, from, onto);
    if (draft === undefined) this.recorder.unsaid.add('a system call on memory');
    return yield* this.told(super.migrate_pages(pid, maxnode, from, onto), () => draft, staying);
  }

  override *move_pages(
    pid: number,
    count: number,
    pages: number,
    nodes: number,
    status: number,
    flags: number,
  ): Task<number> {
    const { own, recorder } = this;
    const drafts = movePagesDrafts(own, { pid, count, pages, nodes, flags });
    const task = super.move_pages(pid, count, pages, nodes, status, flags);
    if (drafts === undefined) {
      recorder.unsaid.add('a system call on memory');
      return yield* this.guarded(task);
    }
    const [first, ...others] = drafts;
    const answer = nodes === 0 ? retOf : staying;
    const ret = yield* this.told(task, () => first, answer);
    const told = [recorder.last];
    if (ret < 0) return ret;
    for (const draft of others) {
      recorder.add(this.pid, { ...draft, expect: { ret: 0 } });
      told.push(recorder.last);
    }
    // Of what was told to move, the program is told why; the step asks where it is then.
    own.pending = nodes === 0 ? new NodesAnswer(told, status) : undefined;
    return ret;
  }

  override *malloc(size: number): Task<number> {
    this.#inHeap = size < MMAP_THRESHOLD;
    const addr = yield* super.malloc(size);
    this.#inHeap = false;
    return addr;
  }

  private *onRange(task: Task<number>, draft: (ret: number) => Bare | undefined): Task<number> {
    return yield* this.told(task, (ret) => {
      const told = draft(ret);
      if (told === undefined) this.recorder.unsaid.add('a system call on memory');
      return told;
    });
  }

  // --- processes ----------------------------------------------------------------------------------------

  override *fork(child?: UserMain): Task<number> {
    const ret = yield* this.guarded(super.fork(child));
    if (ret < 0) this.recorder.add(this.pid, { fields: { op: 'fork', child: 'p9' }, expect: retOf(ret) });
    return ret;
  }

  override *exit(code: number): Task<never> {
    this.recorder.died(this.pid);
    return yield* super.exit(code);
  }

  override kill(pid: number, signal: string): Task<number> {
    return this.guarded(super.kill(pid, signal));
  }

  override *waitpid(pid: number): Task<WaitStatus | number> {
    const status = yield* this.guarded(super.waitpid(pid));
    if (typeof status !== 'number') this.recorder.died(status.pid);
    return status;
  }

  override pthread_create(main: UserMain): Task<Pthread | number> {
    this.recorder.notes.add('of threads');
    return super.pthread_create(main);
  }

  override random32(): number {
    this.recorder.notes.add('of random data');
    return super.random32();
  }

  override named(addr: number, name: string): void {
    const mapping = this.own.place(addr)?.mapping;
    if (mapping !== undefined) mapping.names.set(name, addr === mapping.start ? 'all' : 'part');
  }

  // --- loads and stores -----------------------------------------------------------------------------------

  override *load32(addr: number): Task<number> {
    const word = yield* this.touching('load', addr, 1, 0, 0, super.load32(addr));
    this.access('load', addr, 1, word, 0);
    return word;
  }

  override *store32(addr: number, word: number): Task<void> {
    yield* this.touching('store', addr, 1, word, 0, super.store32(addr, word));
    this.access('store', addr, 1, word, 0);
  }

  override *loadBytes(addr: number, length: number): Task<Uint8Array> {
    const bytes = yield* this.guarded(super.loadBytes(addr, length));
    this.own.pending?.looked(addr, bytes);
    return bytes;
  }

  override *storeBytes(addr: number, bytes: Uint8Array): Task<void> {
    yield* this.guarded(super.storeBytes(addr, bytes));
    this.own.structs.set(addr, bytes);
  }

  override *storeSeq(addr: number, count: number, first: number, step: number): Task<void> {
    yield* this.touching('store', addr, count, first, step, super.storeSeq(addr, count, first, step));
    if (step === 0 && count <= WORDS_PER_PAGE && this.own.place(addr)?.mapping.isHeap)
      this.own.structs.set(addr, new Uint8Array(new Uint32Array(count).fill(first).buffer));
    this.access('store', addr, count, first, step);
  }

  override *checkSeq(addr: number, count: number, first: number, step: number): Task<Mismatch> {
    const check = super.checkSeq(addr, count, first, step);
    const found = yield* this.touching('load', addr, count, first, step, check);
    if (found.count === 0) this.access('load', addr, count, first, step);
    else this.access('load', addr, count, first, step, yield* this.seen(addr, count, first, step));
    return found;
  }

  override *tryStorePage(addr: number, word: number): Task<string> {
    const store = super.tryStorePage(addr, word);
    const answer = yield* this.touching('store', addr, WORDS_PER_PAGE, word, 0, store);
    this.access('store', addr, WORDS_PER_PAGE, word, 0, answer === 'ok' ? undefined : [answer]);
    return answer;
  }

  override *tryLoadPage(addr: number): Task<PageValue> {
    const answer = yield* this.touching('load', addr, WORDS_PER_PAGE, 0, 0, super.tryLoadPage(addr));
    const word = typeof answer === 'number' ? answer : 0;
    this.access('load', addr, WORDS_PER_PAGE, word, 0, typeof answer === 'number' ? undefined : [answer]);
    return answer;
  }

  /** What each page of words that are not all as they should be holds. */
  private *seen(addr: number, count: number, first: number, step: number): Task<PageValue[]> {
    const pages: PageValue[] = [];
    for (let done = 0; done < count; ) {
      const at = addr + done * 4;
      const chunk = Math.min((PAGE_SIZE - (at % PAGE_SIZE)) / 4, count - done);
      pages.push(yield* super.tryCheckWords(at, chunk, (first + done * step) >>> 0, step));
      done += chunk;
    }
    return pages;
  }

  private access(
    op: AccessDraft['op'],
    addr: number,
    count: number,
    first: number,
    step: number,
    pages?: readonly PageValue[],
  ): void {
    const access = this.accessOf(op, addr, count, first, step);
    if (access === undefined) return;
    this.recorder.addAccess(this.pid, { ...access, ok: pages === undefined, pages });
  }

  /** As it is meant to go. */
  private accessOf(
    op: AccessDraft['op'],
    addr: number,
    count: number,
    first: number,
    step: number,
  ): AccessDraft | undefined {
    const mapping = this.own.place(addr)?.mapping;
    return mapping === undefined
      ? undefined
      : { op, addr, count, first: first >>> 0, step, mapping, ok: true };
  }

  /** An access, of which nothing is told here unless it ends the machine. */
  private *touching<T>(
    op: AccessDraft['op'],
    addr: number,
    count: number,
    first: number,
    step: number,
    task: Task<T>,
  ): Task<T> {
    const bare = (): Bare | undefined => {
      const access = this.accessOf(op, addr, count, first, step);
      return access && { fields: {}, access };
    };
    return yield* this.watched(task, bare);
  }

  // --- telling --------------------------------------------------------------------------------------------

  /** What the call does, told when it ends; `bare` is asked then, with what it returned. */
  private *told(
    task: Task<number>,
    bare: (ret: number) => Bare | undefined,
    answer: (ret: number) => object = retOf,
  ): Task<number> {
    return yield* this.watched(task, bare, (begun, ret) => {
      const draft = bare(ret);
      if (draft === undefined) return;
      this.recorder.end(begun, { ...draft, expect: ret < 0 ? retOf(ret) : answer(ret) }, ret >= 0);
    });
  }

  /** What `bare` says, should the machine end in it: it is asked for what has not succeeded then. */
  private *watched<T>(
    task: Task<T>,
    bare: (ret: number) => Bare | undefined,
    ended?: (begun: Begun, result: T) => void,
  ): Task<T> {
    const begun = this.recorder.begin(this.pid, this.process.services.executor.current, () => bare(-1));
    try {
      const result = yield* task;
      ended?.(begun, result);
      return result;
    } catch (error) {
      const draft = error instanceof KernelBug ? bare(-1) : undefined;
      if (draft !== undefined)
        this.recorder.add(this.pid, { ...draft, expect: { oops: (error as KernelBug).fn } });
      this.noteDeath(error);
      throw error;
    } finally {
      this.recorder.over(begun);
    }
  }

  private *guarded<T>(task: Task<T>): Task<T> {
    try {
      return yield* task;
    } catch (error) {
      this.noteDeath(error);
      throw error;
    }
  }

  private noteDeath(error: unknown): void {
    if (error instanceof ProcessKilled) this.recorder.died(this.pid);
  }
}

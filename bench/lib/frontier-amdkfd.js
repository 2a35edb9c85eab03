// SPDX-License-Identifier: GPL-2.0-only
/**
 * A node of Frontier under amdkfd: 512 GiB of system memory and four GPUs with 64 GiB of VRAM each, which the processor
 * reaches. A program's data goes to the GPUs, a quarter to each, moves on to the next GPU until each quarter was on all four,
 * and comes home. GPUs write to it where it is, and the processor reads that in place.
 *
 * `node bench/lib/frontier-amdkfd.js BYTES [KERNEL [BUG...]]` prints one JSON object, times in seconds.
 */
import { performance } from 'node:perf_hooks';
import { describeMachine } from '../../dist/machine/description.js';
import { Machine } from '../../dist/machine/machine.js';
import { Hsakmt } from '../../dist/selftests/kfdtest/hsakmt.js';
import { KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, SIM_OP_WRITE } from '../../dist/uapi/kfd_ioctl.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../dist/uapi/mman.js';
import { GiB, PAGE, pageAt } from './memory.js';

const GPUS = 4;
/** Pages that are looked at, spread over all of the data, and those that GPUs write to. */
const SAMPLES = 2 ** 18;
const WRITES = 64;
const WORDS = PAGE / 4;
const MADV_POPULATE_WRITE = 23;
/** Bytes that are moved at a time. */
const PART = 4 * GiB;

const PARAMS = {
  noretry: '0',
  sim_gpus: String(GPUS),
  sim_topology: 'cpu',
  sim_vram: String(64 * 1024),
  vramlimit: '0',
};

/** @param {string} kernel @param {readonly string[]} bugs */
function bootNode(kernel, bugs) {
  const module = { name: /** @type {const} */ ('amdgpu'), params: PARAMS };
  const machine = Machine.bootAs(describeMachine({ kernel, memory: 512 * GiB, hugepages: 0, module, bugs }));
  const ret = machine.loadModule('amdgpu', PARAMS);
  if (ret !== 0) throw new Error(`amdgpu does not load: ${ret}`);
  return machine;
}

class Node {
  /** @type {Record<string, number>} */
  seconds = {};
  /** Where the sampled pages of each quarter were after each phase: node 0 is the processor's. @type {Record<string, string[]>} */
  places = {};
  /** Words that the processor read otherwise than they were written. */
  wrong = 0;

  /** @param {Machine} machine @param {number} bytes */
  constructor(machine, bytes) {
    this.machine = machine;
    this.bytes = bytes;
    this.quarter = bytes / GPUS;
    this.process = machine.spawn('frontier');
    this.mm = this.process.mm;
    /** Words that GPUs wrote, by their index. @type {Map<number, number>} */
    this.written = new Map();
  }

  /** The parts in turn, each within the simulated time that a call has. @param {string} phase @param {(() => Generator)[]} parts */
  timed(phase, parts) {
    const started = performance.now();
    for (const part of parts) this.call(part);
    this.seconds[phase] = Math.round(performance.now() - started) / 1000;
    this.look(phase);
  }

  /** @param {() => Generator} part */
  call(part) {
    const node = this;
    this.machine.call(this.process, function* (sys) {
      node.sys = sys;
      yield* part();
    });
  }

  /** `offset` and bytes of all the data, in parts. @param {(offset: number, bytes: number) => Generator} act */
  parts(act) {
    const bytes = Math.min(this.quarter, PART);
    return Array.from({ length: this.bytes / bytes }, (_, n) => () => act(n * bytes, bytes));
  }

  /** @param {string} phase */
  look(phase) {
    const { kernel } = this.machine;
    const gpus = kernel.pgmaps.filter((one) => one !== null);
    const pages = this.quarter / PAGE;
    const samples = Math.min(pages, SAMPLES / GPUS);
    this.places[phase] = Array.from({ length: GPUS }, (_, quarter) => {
      const nodes = new Set();
      for (let i = 0; i < samples; i++) {
        const n = quarter * pages + Math.floor((i * pages) / samples);
        const page = pageAt(this.mm, this.addr + n * PAGE);
        nodes.add(gpus.findIndex((one) => page >= one.firstPage && page < one.firstPage + one.nr_pages) + 1);
      }
      return [...nodes].sort().join('+');
    });
  }

  run() {
    this.call(() => this.open());
    this.timed(
      'populate',
      this.parts((offset, bytes) => this.populate(offset, bytes)),
    );
    for (let round = 0; round < GPUS; round++) this.timed(`round ${round + 1}`, this.moveOn(round));
    this.timed(
      'back',
      this.parts((offset, bytes) => this.prefetch(offset, bytes, 0)),
    );
    this.timed('check', this.checks());
    this.call(() => this.sys.munmap(this.addr, this.bytes));
  }

  *open() {
    const { sys, bytes } = this;
    this.hsa = /** @type {Hsakmt} */ (yield* Hsakmt.open(sys));
    this.addr = yield* sys.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }

  /** @param {number} offset @param {number} bytes */
  *populate(offset, bytes) {
    yield* this.sys.madvise(this.addr + offset, bytes, MADV_POPULATE_WRITE);
    yield* this.sys.storeSeq(this.addr + offset, bytes / 4, offset / 4, 1);
  }

  /** @param {number} offset @param {number} bytes @param {number} value */
  *prefetch(offset, bytes, value) {
    const attr = { type: KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value };
    const ret = yield* this.hsa.svmSet(this.addr + offset, bytes, [attr]);
    if (ret !== 0) throw new Error(`prefetch: ${ret}`);
  }

  /** Each quarter goes to the next GPU, which writes to it. @param {number} round */
  moveOn(round) {
    const gpuOf = (/** @type {number} */ quarter) => this.hsa.gpus[(quarter + round) % GPUS];
    const moves = this.parts((offset, bytes) => {
      return this.prefetch(offset, bytes, gpuOf(Math.floor(offset / this.quarter)));
    });
    const writes = Array.from(
      { length: GPUS },
      (_, quarter) => () => this.write(quarter, round, gpuOf(quarter)),
    );
    // In place: nothing comes home for it.
    return [...moves, ...writes, () => this.checkWritten()];
  }

  /** @param {number} quarter @param {number} round @param {number} gpu */
  *write(quarter, round, gpu) {
    const queue = yield* this.hsa.createQueue(gpu);
    const pages = this.quarter / PAGE;
    const packets = [];
    for (let n = 0; n < WRITES; n++) {
      const page = Math.floor((quarter + n / WRITES) * pages);
      const word = page * WORDS + round;
      const data = 0x4000_0000 + round * 1000 + n;
      this.written.set(word, data);
      packets.push({ op: SIM_OP_WRITE, dst: this.addr + word * 4, data, size: 4, src: 0 });
    }
    for (let n = 0; n < WRITES; n += 8) yield* this.hsa.submit(queue, packets.slice(n, n + 8));
    if (!(yield* this.hsa.wait(queue))) throw new Error('a queue has not come to an end');
    yield* this.hsa.destroyQueue(queue);
  }

  *checkWritten() {
    for (const [word, value] of this.written) {
      if ((yield* this.sys.load32(this.addr + word * 4)) !== value) this.wrong++;
    }
  }

  /** All that nobody wrote to is as it was, and so is what GPUs wrote. */
  checks() {
    const marked = new Set([...this.written.keys()].map((word) => Math.floor(word / WORDS)));
    const ends = [...marked, this.bytes / PAGE].sort((a, b) => a - b);
    const between = ends.map((end, n) => () => this.checkBetween(n === 0 ? 0 : ends[n - 1] + 1, end));
    return [...between, () => this.checkWritten()];
  }

  /** @param {number} from @param {number} end pages */
  *checkBetween(from, end) {
    const { count } = yield* this.sys.checkSeq(
      this.addr + from * PAGE,
      (end - from) * WORDS,
      from * WORDS,
      1,
    );
    if (count !== 0) this.wrong++;
  }
}

const [size, kernel = '6.12', ...bugs] = process.argv.slice(2);
const started = performance.now();
const machine = bootNode(kernel, bugs);
const node = new Node(machine, Number(size));
node.run();
const wall = Math.round(performance.now() - started) / 1000;
const peakMB = Math.round(process.resourceUsage().maxRSS / 1000);
const { seconds, places, wrong } = node;
process.stdout.write(
  `${JSON.stringify({ bytes: node.bytes, kernel, seconds, places, wrong, wall, peakMB })}\n`,
);

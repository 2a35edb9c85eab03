// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a guest of kvm_hv becomes secure: its Ultravisor asks for pages and gives them out, the hypervisor touches
 * them, and some of its memory goes. Their oracle is secure-model.ts: what the guest wrote it reads, what it shares both see, and of
 * what is secure the hypervisor sees nothing.
 */
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { drawPart, partsOf, rangeOf } from './parts.js';
import { type GuestPart, isMapped, SecureModel } from './secure-model.js';

/** The category of these scenarios. */
export const SECURE = 'secure';

type Composed =
  | 'slot'
  | 'start'
  | 'done'
  | 'abort'
  | 'off'
  | 'pageIn'
  | 'pageOut'
  | 'share'
  | 'guestRead'
  | 'guestWrite'
  | 'hostLoad'
  | 'hostStore'
  | 'munmap';

const STEPS: Weights<Composed> = {
  slot: 2,
  start: 6,
  done: 5,
  abort: 1,
  off: 1,
  pageIn: 10,
  pageOut: 8,
  share: 5,
  guestRead: 8,
  guestWrite: 12,
  hostLoad: 7,
  hostStore: 7,
  munmap: 1,
};

/** Steps that are composed, without what opens and ends the scenario. */
const COMPOSED = 40;

class Guest {
  readonly steps: Step[] = [];
  readonly #model = new SecureModel();
  #word = 1000;

  constructor(readonly dice: Dice) {}

  run(steps: number): void {
    this.#push({ op: 'open', fd: 'd0', device: 'kvm' });
    this.slot();
    this.#call('ENABLE_SECURE_GUEST');
    for (let n = 0; n < steps; n++) this[this.dice.weighted(STEPS)]();
    for (const part of this.#mapped()) {
      this.#read(part);
      this.#load(part);
      this.#read(part);
    }
  }

  /** The step, with what it has to answer. */
  #push(step: Fields): void {
    const expect = this.#model.take(step as Step);
    this.steps.push({ ...step, expect } as Step);
  }

  #driver(command: string, fields: Fields): void {
    this.#push({ op: 'driver', fd: 'd0', command, ...fields });
  }

  /** A hypervisor call that is about no page. */
  #call(command: string): void {
    this.#driver(command, { region: this.#model.regions[0]!.name, page: 0, pages: 1 });
  }

  #mapped(): GuestPart[] {
    return this.#model.regions.flatMap((region) => partsOf(region, isMapped));
  }

  /** Pages that are mapped, all in one place. */
  #part(): GuestPart | null {
    const { regions } = this.#model;
    return drawPart(this.dice, regions, isMapped, (first, next) => first.place === next.place);
  }

  /** The first of new words for pages. */
  #words({ pages }: GuestPart): number {
    const first = this.#word;
    this.#word += Math.max(100, pages);
    return first;
  }

  // --- memory -------------------------------------------------------------------------------------------------

  slot(): void {
    const { regions } = this.#model;
    if (regions.length >= 4) return;
    const pages = this.dice.pick([1, 4, 16]);
    const region = `r${regions.length}`;
    this.#push({ op: 'mmap', region, pages, prot: 'rw', share: 'private', backing: 'anon' });
    this.#driver('SET_MEMORY', { region, page: 0, pages });
  }

  /** The end of a region: of pages behind a hole, kvmppc_uvmem_drop_pages() lets none go. */
  munmap(): void {
    if (this.#model.phase !== 'secure') return;
    const region = this.dice.pick(this.#model.regions);
    const end = region.pages.filter(isMapped).length;
    if (end < 2) return;
    const page = this.dice.between(1, end - 1);
    this.#push({ op: 'munmap', ...rangeOf({ region, page, pages: end - page }) });
  }

  #read(part: GuestPart): void {
    this.#driver('GUEST_READ', rangeOf(part));
  }

  guestRead(): void {
    const part = this.#part();
    if (part !== null) this.#read(part);
  }

  guestWrite(): void {
    const part = this.#part();
    if (part !== null) this.#driver('GUEST_WRITE', { ...rangeOf(part), word: this.#words(part) });
  }

  #load(part: GuestPart): void {
    this.#push({ op: 'load', ...rangeOf(part) });
  }

  hostLoad(): void {
    const part = this.#part();
    if (part !== null) this.#load(part);
  }

  hostStore(): void {
    const part = this.#part();
    if (part !== null) this.#push({ op: 'store', ...rangeOf(part), word: this.#words(part) });
  }

  // --- hypervisor calls ---------------------------------------------------------------------------------------

  start(): void {
    const { phase, regions } = this.#model;
    if (phase !== 'normal' || regions.some(({ pages }) => !pages.every(isMapped))) return;
    this.#call('H_SVM_INIT_START');
  }

  done(): void {
    this.#call('H_SVM_INIT_DONE');
  }

  abort(): void {
    this.#call('H_SVM_INIT_ABORT');
  }

  off(): void {
    this.#call('SVM_OFF');
  }

  #pageCall(command: string): void {
    const part = this.#part();
    if (part !== null) this.#driver(command, rangeOf(part));
  }

  pageIn(): void {
    this.#pageCall('H_SVM_PAGE_IN');
  }

  pageOut(): void {
    this.#pageCall('H_SVM_PAGE_OUT');
  }

  share(): void {
    this.#pageCall('H_SVM_PAGE_SHARE');
  }
}

/** The scenario of `seed`. The same for the same arguments in one version of the generator. */
export function secureScenario(seed: number, kernel: string): ScenarioDocument {
  const guest = new Guest(new Dice(seed));
  guest.run(COMPOSED);
  return {
    name: `generated-secure-${seed}`,
    kernel,
    machine: { module: false, modprobe: ['kvm_hv'], memory: '256M' },
    steps: guest.steps,
  };
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a guest of kvm_hv becomes secure: its Ultravisor asks for pages and gives them out, the hypervisor touches
 * them, and some of its memory goes. Their oracle: what the guest wrote it reads, what it shares both see, and of what is secure the
 * hypervisor sees nothing.
 */
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { drawPart, type Paged, type Part, pagesOf, partsOf, rangeOf } from './parts.js';

/** The category of these scenarios. */
export const SECURE = 'secure';

type Word = number | 'mixed';

/** A page of the guest's memory. */
interface PageModel {
  /** Of no secure guest; in secure memory; paged out of it; seen by both; not mapped any more. */
  place: 'plain' | 'secure' | 'out' | 'shared' | 'gone';
  /** What the guest reads. */
  guest: Word;
  /** What the hypervisor reads. */
  host: Word;
  /** Is what the hypervisor has of it encrypted? */
  encrypted: boolean;
}

interface Region extends Paged<PageModel> {
  readonly pages: PageModel[];
}

type GuestPart = Part<Region>;

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

const isMapped = ({ place }: PageModel): boolean => place !== 'gone';

class Guest {
  readonly steps: Step[] = [];
  readonly #regions: Region[] = [];
  #phase: 'normal' | 'started' | 'secure' = 'normal';
  #word = 1000;

  constructor(readonly dice: Dice) {}

  run(steps: number): void {
    this.#push({ op: 'open', fd: 'd0', device: 'kvm', expect: { ret: 0 } });
    this.slot();
    this.#call('ENABLE_SECURE_GUEST', 'H_SUCCESS');
    for (let n = 0; n < steps; n++) this[this.dice.weighted(STEPS)]();
    for (const part of this.#mapped()) {
      this.#read(part);
      this.#load(part);
      this.#read(part);
    }
  }

  #push(step: Fields): void {
    this.steps.push(step as Step);
  }

  #driver(command: string, fields: Fields, expect: Fields): void {
    this.#push({ op: 'driver', fd: 'd0', command, ...fields, expect: { ret: 0, ...expect } });
  }

  /** A hypervisor call that is about no page. */
  #call(command: string, answer: string): void {
    this.#driver(command, { region: this.#regions[0]!.name, page: 0, pages: 1 }, { answer });
  }

  #mapped(): GuestPart[] {
    return this.#regions.flatMap((region) => partsOf(region, isMapped));
  }

  #all(): PageModel[] {
    return this.#mapped().flatMap((part) => pagesOf(part));
  }

  /** Pages that are mapped, all in one place. */
  #part(): GuestPart | null {
    return drawPart(this.dice, this.#regions, isMapped, (first, next) => first.place === next.place);
  }

  /** New words, which `see` gives to pages. Return: the first one. */
  #fill(part: GuestPart, see: (page: PageModel, word: number) => void): number {
    const first = this.#word;
    this.#word += Math.max(100, part.pages);
    for (const [n, page] of pagesOf(part).entries()) see(page, first + n);
    return first;
  }

  // --- where a page goes --------------------------------------------------------------------------------------

  #comesIn(page: PageModel): void {
    // What was never encrypted is, from now on.
    if (!page.encrypted) page.host = 'mixed';
    page.encrypted = true;
    page.place = 'secure';
  }

  #goesOut(page: PageModel): void {
    page.place = 'out';
    if (this.#phase === 'secure') return;
    page.host = page.guest;
    page.encrypted = false;
  }

  /** The guest touches it: what is out comes in first. */
  #touchedByGuest(page: PageModel): void {
    if (page.place === 'out') this.#comesIn(page);
  }

  #touchedByHost(page: PageModel): void {
    if (page.place === 'secure') this.#goesOut(page);
  }

  /** Both see `word` from now on. */
  #open(page: PageModel, place: 'plain' | 'shared', word: Word): void {
    Object.assign(page, { place, guest: word, host: word, encrypted: false });
  }

  // --- memory -------------------------------------------------------------------------------------------------

  slot(): void {
    if (this.#regions.length >= 4) return;
    const count = this.dice.pick([1, 4, 16]);
    const name = `r${this.#regions.length}`;
    const pages = Array.from(
      { length: count },
      (): PageModel => ({
        place: 'plain',
        guest: 0,
        host: 0,
        encrypted: false,
      }),
    );
    const region = { name, pages };
    this.#regions.push(region);
    const kind = { prot: 'rw', share: 'private', backing: 'anon' };
    this.#push({ op: 'mmap', region: name, pages: count, ...kind, expect: { ret: 0 } });
    this.#driver(
      'SET_MEMORY',
      { region: name, page: 0, pages: count },
      { cpages: count, answer: 'H_SUCCESS' },
    );
    if (this.#phase !== 'normal') for (const page of pages) this.#comesIn(page);
  }

  /** The end of a region: of pages behind a hole, kvmppc_uvmem_drop_pages() lets none go. */
  munmap(): void {
    if (this.#phase !== 'secure') return;
    const region = this.dice.pick(this.#regions);
    const end = region.pages.filter(isMapped).length;
    if (end < 2) return;
    const page = this.dice.between(1, end - 1);
    const part = { region, page, pages: end - page };
    this.#push({ op: 'munmap', ...rangeOf(part), expect: { ret: 0 } });
    for (const one of pagesOf(part)) one.place = 'gone';
  }

  #read(part: GuestPart): void {
    for (const page of pagesOf(part)) this.#touchedByGuest(page);
    const data = pagesOf(part).map(({ guest }) => guest);
    this.#driver('GUEST_READ', rangeOf(part), { cpages: part.pages, data });
  }

  guestRead(): void {
    const part = this.#part();
    if (part !== null) this.#read(part);
  }

  guestWrite(): void {
    const part = this.#part();
    if (part === null) return;
    const word = this.#fill(part, (page, own) => {
      this.#touchedByGuest(page);
      page.guest = own;
      page.host = page.place === 'secure' ? 'mixed' : own;
    });
    this.#driver('GUEST_WRITE', { ...rangeOf(part), word }, { cpages: part.pages });
  }

  #load(part: GuestPart): void {
    for (const page of pagesOf(part)) this.#touchedByHost(page);
    this.#push({ op: 'load', ...rangeOf(part), expect: { pages: pagesOf(part).map(({ host }) => host) } });
  }

  hostLoad(): void {
    const part = this.#part();
    if (part !== null) this.#load(part);
  }

  /** What it writes over something encrypted is none: the guest gets that decrypted. */
  hostStore(): void {
    const part = this.#part();
    if (part === null) return;
    const word = this.#fill(part, (page, own) => {
      this.#touchedByHost(page);
      page.host = own;
      page.guest = page.encrypted ? 'mixed' : own;
    });
    const ok = new Array<string>(part.pages).fill('ok');
    this.#push({ op: 'store', ...rangeOf(part), word, expect: { pages: ok } });
  }

  // --- hypervisor calls ---------------------------------------------------------------------------------------

  start(): void {
    if (this.#phase !== 'normal' || this.#regions.some(({ pages }) => !pages.every(isMapped))) return;
    this.#call('H_SVM_INIT_START', 'H_SUCCESS');
    this.#phase = 'started';
  }

  /** What nobody asked for becomes secure, empty. */
  done(): void {
    if (this.#phase !== 'started') {
      this.#call('H_SVM_INIT_DONE', this.#phase === 'normal' ? 'H_UNSUPPORTED' : 'H_SUCCESS');
      return;
    }
    this.#call('H_SVM_INIT_DONE', 'H_SUCCESS');
    this.#phase = 'secure';
    for (const page of this.#all()) {
      if (page.place !== 'plain') continue;
      page.guest = 0;
      this.#comesIn(page);
    }
  }

  /** The guest goes on as it was. */
  abort(): void {
    const answers = { normal: 'H_UNSUPPORTED', started: 'H_PARAMETER', secure: 'H_STATE' };
    this.#call('H_SVM_INIT_ABORT', answers[this.#phase]);
    if (this.#phase !== 'started') return;
    for (const page of this.#all()) this.#open(page, 'plain', page.guest);
    this.#phase = 'normal';
  }

  /** What is secure is lost. */
  off(): void {
    this.#call('SVM_OFF', 'H_SUCCESS');
    if (this.#phase === 'normal') return;
    for (const page of this.#all()) this.#open(page, 'plain', page.place === 'secure' ? 0 : page.host);
    this.#phase = 'normal';
  }

  #pageCall(command: string, part: GuestPart, refused: string | null): boolean {
    const answer = this.#phase === 'normal' ? 'H_UNSUPPORTED' : (refused ?? 'H_SUCCESS');
    const cpages = answer === 'H_SUCCESS' ? part.pages : 0;
    this.#driver(command, rangeOf(part), { cpages, answer });
    return answer === 'H_SUCCESS';
  }

  pageIn(): void {
    const part = this.#part();
    if (part === null) return;
    const isIn = pagesOf(part)[0]!.place === 'secure';
    if (!this.#pageCall('H_SVM_PAGE_IN', part, isIn ? 'H_PARAMETER' : null)) return;
    for (const page of pagesOf(part)) this.#comesIn(page);
  }

  pageOut(): void {
    const part = this.#part();
    if (part === null || !this.#pageCall('H_SVM_PAGE_OUT', part, null)) return;
    for (const page of pagesOf(part)) if (page.place === 'secure') this.#goesOut(page);
  }

  /** What is in secure memory is not shared: both begin with an empty page. */
  share(): void {
    const part = this.#part();
    if (part === null || !this.#pageCall('H_SVM_PAGE_SHARE', part, null)) return;
    for (const page of pagesOf(part)) this.#open(page, 'shared', page.place === 'secure' ? 0 : page.host);
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

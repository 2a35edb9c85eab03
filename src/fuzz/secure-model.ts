// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a guest of kvm_hv and its hypervisor see of the guest's memory, page by page, and so what each step of a scenario has to
 * answer. It knows what secureScenario() composes, and what is left of that when it is made smaller; of anything else it says that
 * it does not know.
 */

import { compareScenario } from '../scenario/compare.js';
import type { StepResult } from '../scenario/result.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields, Range } from '../scenario/steps/contract.js';
import { type Paged, type Part, pagesOf } from './parts.js';

type Word = number | 'mixed';

/** A page of the guest's memory. */
export interface PageModel {
  /** Of no secure guest; in secure memory; paged out of it; seen by both; not mapped any more. */
  place: 'plain' | 'secure' | 'out' | 'shared' | 'gone';
  /** What the guest reads. */
  guest: Word;
  /** What the hypervisor reads. */
  host: Word;
  /** Is what the hypervisor has of it encrypted? */
  encrypted: boolean;
}

export interface GuestRegion extends Paged<PageModel> {
  readonly pages: PageModel[];
  /** It is memory of the guest. */
  slot: boolean;
}

export type GuestPart = Part<GuestRegion>;

export const isMapped = ({ place }: PageModel): boolean => place !== 'gone';

/** Who calls is answered this where the guest is neither secure nor on its way. */
const UNSUPPORTED = 'H_UNSUPPORTED';

type DriverCall = Extract<Step, { op: 'driver' }>;

export class SecureModel {
  readonly regions: GuestRegion[] = [];
  phase: 'normal' | 'started' | 'secure' = 'normal';
  #fd: string | undefined;
  #enabled = false;

  /** Take the step. Return: what it answers; null where that is not known, nor what any step after it answers. */
  take(step: Step): Fields | null {
    if ((step.as ?? 'p0') !== 'p0') return null;
    switch (step.op) {
      case 'open':
        if (this.#fd !== undefined || step.device !== 'kvm') return null;
        this.#fd = step.fd;
        return { ret: 0 };
      case 'mmap':
        return this.#mmap(step);
      case 'munmap':
        return this.#munmap(step);
      case 'load':
        return this.#load(this.#part(step));
      case 'store':
        return step.step === undefined ? this.#store(this.#part(step), step.word) : null;
      case 'driver':
        return step.fd === this.#fd ? this.#driver(step) : null;
      default:
        return null;
    }
  }

  /** The pages of a range, where all of them are mapped. */
  #part({ region: name, page, pages }: Partial<Range>): GuestPart | null {
    const region = this.regions.find((one) => one.name === name);
    if (region === undefined || page === undefined || pages === undefined || pages < 1) return null;
    const part = { region, page, pages };
    return page + pages <= region.pages.length && pagesOf(part).every(isMapped) ? part : null;
  }

  #all(): PageModel[] {
    return this.regions.filter(({ slot }) => slot).flatMap(({ pages }) => pages.filter(isMapped));
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
    if (this.phase === 'secure') return;
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

  #mmap({
    region: name,
    page,
    pages: count,
    prot,
    share,
    backing,
  }: Extract<Step, { op: 'mmap' }>): Fields | null {
    if (page !== undefined || prot !== 'rw' || share !== 'private' || backing !== 'anon') return null;
    if (count < 1 || this.regions.some((region) => region.name === name)) return null;
    const pages = Array.from(
      { length: count },
      (): PageModel => ({ place: 'plain', guest: 0, host: 0, encrypted: false }),
    );
    this.regions.push({ name, pages, slot: false });
    return { ret: 0 };
  }

  /** The end of a region: of pages behind a hole, kvmppc_uvmem_drop_pages() lets none go. */
  #munmap(range: Range): Fields | null {
    const part = this.#part(range);
    if (part === null || this.phase !== 'secure' || part.page < 1) return null;
    const { region, page, pages } = part;
    if (page + pages !== region.pages.filter(isMapped).length) return null;
    for (const one of pagesOf(part)) one.place = 'gone';
    return { ret: 0 };
  }

  #load(part: GuestPart | null): Fields | null {
    if (part === null) return null;
    for (const page of pagesOf(part)) this.#touchedByHost(page);
    return { pages: pagesOf(part).map(({ host }) => host) };
  }

  /** What the hypervisor writes over something encrypted is none: the guest gets that decrypted. */
  #store(part: GuestPart | null, word: number | undefined): Fields | null {
    if (part === null || word === undefined) return null;
    for (const [n, page] of pagesOf(part).entries()) {
      this.#touchedByHost(page);
      page.host = word + n;
      page.guest = page.encrypted ? 'mixed' : word + n;
    }
    return { pages: new Array<string>(part.pages).fill('ok') };
  }

  // --- requests ---------------------------------------------------------------------------------------------

  #driver(step: DriverCall): Fields | null {
    const answer = this.#request(step);
    return answer === null ? null : { ret: 0, ...answer };
  }

  #request(step: DriverCall): Fields | null {
    switch (step.command) {
      case 'ENABLE_SECURE_GUEST':
        this.#enabled = true;
        return { answer: 'H_SUCCESS' };
      case 'H_SVM_INIT_START':
        return this.#start();
      case 'H_SVM_INIT_DONE':
        return { answer: this.#done() };
      case 'H_SVM_INIT_ABORT':
        return { answer: this.#abort() };
      case 'SVM_OFF':
        this.#off();
        return { answer: 'H_SUCCESS' };
    }
    const part = this.#part(step);
    if (part === null) return null;
    if (step.command === 'SET_MEMORY') return this.#set(part);
    if (!part.region.slot) return null;
    if (step.command === 'GUEST_READ') return this.#read(part);
    if (step.command === 'GUEST_WRITE') return this.#write(part, step.word);
    return this.#pageCall(step.command, part);
  }

  /** All of a region becomes memory of the guest; of a guest that is or becomes secure, secure memory. */
  #set({ region, page, pages }: GuestPart): Fields | null {
    if (region.slot || page !== 0 || pages !== region.pages.length) return null;
    // Contents from before would be lost.
    if (region.pages.some(({ host }) => host !== 0)) return null;
    region.slot = true;
    if (this.phase !== 'normal') for (const one of region.pages) this.#comesIn(one);
    return { cpages: pages, answer: 'H_SUCCESS' };
  }

  #read(part: GuestPart): Fields {
    for (const page of pagesOf(part)) this.#touchedByGuest(page);
    return { cpages: part.pages, data: pagesOf(part).map(({ guest }) => guest) };
  }

  #write(part: GuestPart, word: number | undefined): Fields | null {
    if (word === undefined) return null;
    for (const [n, page] of pagesOf(part).entries()) {
      this.#touchedByGuest(page);
      page.guest = word + n;
      page.host = page.place === 'secure' ? 'mixed' : word + n;
    }
    return { cpages: part.pages };
  }

  #start(): Fields | null {
    const slots = this.regions.filter(({ slot }) => slot);
    if (this.phase !== 'normal' || !this.#enabled || !slots.every(({ pages }) => pages.every(isMapped)))
      return null;
    this.phase = 'started';
    return { answer: 'H_SUCCESS' };
  }

  /** What nobody asked for becomes secure, empty. */
  #done(): string {
    if (this.phase === 'normal') return UNSUPPORTED;
    if (this.phase === 'secure') return 'H_SUCCESS';
    this.phase = 'secure';
    for (const page of this.#all()) {
      if (page.place !== 'plain') continue;
      page.guest = 0;
      this.#comesIn(page);
    }
    return 'H_SUCCESS';
  }

  /** The guest goes on as it was. */
  #abort(): string {
    if (this.phase === 'normal') return UNSUPPORTED;
    if (this.phase === 'secure') return 'H_STATE';
    for (const page of this.#all()) this.#open(page, 'plain', page.guest);
    this.phase = 'normal';
    return 'H_PARAMETER';
  }

  /** What is secure is lost. */
  #off(): void {
    if (this.phase === 'normal') return;
    for (const page of this.#all()) this.#open(page, 'plain', page.place === 'secure' ? 0 : page.host);
    this.phase = 'normal';
  }

  /** A hypervisor call for each page, until one is refused. */
  #pageCall(command: string, part: GuestPart): Fields | null {
    if (this.phase === 'normal') return { cpages: 0, answer: UNSUPPORTED };
    const pages = pagesOf(part);
    switch (command) {
      case 'H_SVM_PAGE_IN': {
        const refused = pages.findIndex(({ place }) => place === 'secure');
        const done = refused < 0 ? pages.length : refused;
        for (const page of pages.slice(0, done)) this.#comesIn(page);
        return { cpages: done, answer: refused < 0 ? 'H_SUCCESS' : 'H_PARAMETER' };
      }
      case 'H_SVM_PAGE_OUT':
        for (const page of pages) if (page.place === 'secure') this.#goesOut(page);
        return { cpages: pages.length, answer: 'H_SUCCESS' };
      case 'H_SVM_PAGE_SHARE':
        // What is in secure memory is not shared: both begin with an empty page.
        for (const page of pages) this.#open(page, 'shared', page.place === 'secure' ? 0 : page.host);
        return { cpages: pages.length, answer: 'H_SUCCESS' };
      default:
        return null;
    }
  }
}

/** Does the document expect only what its steps have to answer? False where that is not known. */
export function holdsInModel(document: ScenarioDocument): boolean {
  const model = new SecureModel();
  const answers: StepResult[] = [];
  for (const step of document.steps) {
    const answer = model.take(step);
    if (answer === null) return false;
    answers.push(answer as StepResult);
  }
  return compareScenario(document, answers) === null;
}

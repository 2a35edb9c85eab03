// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every entry of an address space's page tables that is not none, in order of address: read once, for all checkers,
 * because looking through the tables is most of what a check costs.
 */
import {
  FLAGS,
  type PageTables,
  PGD_SIZE,
  PMD_MASK_SIZE,
  type PmdTable,
  type PteTable,
  PUD_SIZE,
} from '../mm/pgtable.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';

export interface EntryVisitor {
  /** A PTE. */
  pte(address: number, page: Page, flags: number): void;
  /** A huge page: a leaf of the PMD table. */
  leaf(address: number, page: Page, flags: number): void;
}

/** What a PMD table has, and what it says that it has. */
export interface PmdTableUse {
  readonly address: number;
  readonly used: number;
  /** PTE tables. */
  readonly children: number;
  readonly leaves: number;
  /** An entry that is both, or -1. */
  readonly both: number;
}

/** The same of a PUD table. */
export interface PudTableUse {
  readonly address: number;
  readonly used: number;
  readonly found: number;
}

const FIRST_CAPACITY = 256;

export class Entries {
  readonly tables: PmdTableUse[] = [];
  readonly puds: PudTableUse[] = [];
  #length = 0;
  #addresses = new Float64Array(FIRST_CAPACITY);
  #pages = new Uint32Array(FIRST_CAPACITY);
  #flags = new Uint32Array(FIRST_CAPACITY);
  /** By entry, whether it is a leaf. */
  #leaves = new Uint8Array(FIRST_CAPACITY);

  /** Read the tables anew. */
  read(pt: PageTables): void {
    this.#length = 0;
    this.tables.length = 0;
    this.puds.length = 0;
    for (let g = 0; g < pt.pgd.length; g++) {
      const pud = pt.pgd[g];
      if (pud === undefined || pud === null) continue;
      let found = 0;
      for (let u = 0; u < 512; u++) {
        const pmd = pud.child[u]!;
        if (pmd === null) continue;
        found++;
        this.#readPmds(pmd, g * PGD_SIZE + u * PUD_SIZE);
      }
      this.puds.push({ address: g * PGD_SIZE, used: pud.used, found });
    }
  }

  #readPmds(pmd: PmdTable, address: number): void {
    let children = 0;
    let leaves = 0;
    let both = -1;
    for (let i = 0; i < 512; i++) {
      const table = pmd.child[i]!;
      const flags = pmd.e[FLAGS + i]!;
      if (flags !== 0) {
        leaves++;
        if (table !== null) both = i;
      }
      if (table !== null) {
        children++;
        this.#readPtes(table, address + i * PMD_MASK_SIZE);
      } else if (flags !== 0) {
        this.#push(address + i * PMD_MASK_SIZE, pmd.e[i]!, flags, 1);
      }
    }
    this.tables.push({ address, used: pmd.used, children, leaves, both });
  }

  #readPtes(table: PteTable, address: number): void {
    for (let i = 0; i < 512; i++) {
      const flags = table[FLAGS + i]!;
      if (flags !== 0) this.#push(address + i * PAGE_SIZE, table[i]!, flags, 0);
    }
  }

  #push(address: number, page: Page, flags: number, leaf: 0 | 1): void {
    if (this.#length === this.#pages.length) this.#grow();
    const at = this.#length++;
    this.#addresses[at] = address;
    this.#pages[at] = page;
    this.#flags[at] = flags;
    this.#leaves[at] = leaf;
  }

  #grow(): void {
    const capacity = this.#length * 2;
    const grown = <T extends Float64Array | Uint32Array | Uint8Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#addresses = grown(new Float64Array(capacity), this.#addresses);
    this.#pages = grown(new Uint32Array(capacity), this.#pages);
    this.#flags = grown(new Uint32Array(capacity), this.#flags);
    this.#leaves = grown(new Uint8Array(capacity), this.#leaves);
  }

  forEach(visitor: EntryVisitor): void {
    for (let i = 0; i < this.#length; i++) {
      const [address, page, flags] = [this.#addresses[i]!, this.#pages[i]!, this.#flags[i]!];
      if (this.#leaves[i] === 1) visitor.leaf(address, page, flags);
      else visitor.pte(address, page, flags);
    }
  }
}

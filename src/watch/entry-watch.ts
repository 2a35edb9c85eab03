// SPDX-License-Identifier: GPL-2.0-only
/**
 * A watchpoint on the page table entries that map one address: tells before each store into them.
 *
 * The memory core knows nothing of this. While somebody watches, what its page tables hand out for that address stores
 * through a proxy; the tables themselves stay as they are.
 */
import { FLAGS, type PageTables, type PmdTable, type PteTable, pmd_index, pte_index } from '../mm/pgtable.js';

const PUD_SIZE = 0x40000000;

/** The array, telling before a store into one of `slots`, and before a method that may store anywhere. */
function watched<T extends object>(array: T, slots: ReadonlySet<string>, storing: () => void): T {
  return new Proxy(array, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        storing();
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
    set(target, key, value) {
      if (slots.has(key as string)) storing();
      return Reflect.set(target, key, value, target);
    },
  });
}

const slotsOf = (index: number): ReadonlySet<string> => new Set([String(index), String(FLAGS + index)]);

export class EntryWatch {
  readonly #pmds = new WeakMap<PmdTable, PmdTable>();
  readonly #ptes = new WeakMap<PteTable, PteTable>();

  constructor(
    private readonly pt: PageTables,
    private readonly addr: number,
    private readonly storing: () => void,
  ) {}

  /** Until release(). */
  arm(): void {
    const { pt } = this;
    const plain = Object.getPrototypeOf(pt) as PageTables;
    pt.pmdTable = (addr) => {
      const pmd = plain.pmdTable.call(pt, addr);
      return pmd === null ? null : this.#pmd(pmd, addr);
    };
    pt.pmd_alloc = (addr) => this.#pmd(plain.pmd_alloc.call(pt, addr), addr);
    pt.pmd_populate = (pmd, i) => {
      plain.pmd_populate.call(pt, pmd, i);
      return pmd.child[i]!;
    };
  }

  release(): void {
    for (const method of ['pmdTable', 'pmd_alloc', 'pmd_populate'] as const) {
      delete (this.pt as Partial<PageTables>)[method];
    }
  }

  #pmd(pmd: PmdTable, addr: number): PmdTable {
    if (Math.floor(addr / PUD_SIZE) !== Math.floor(this.addr / PUD_SIZE)) return pmd;
    let proxy = this.#pmds.get(pmd);
    if (proxy === undefined) {
      const parts = {
        e: watched(pmd.e, slotsOf(pmd_index(this.addr)), this.storing),
        child: this.#children(pmd.child),
      };
      proxy = new Proxy(pmd, {
        get: (target, key) =>
          key === 'e' || key === 'child' ? parts[key] : Reflect.get(target, key, target),
        set: (target, key, value) => Reflect.set(target, key, value, target),
      });
      this.#pmds.set(pmd, proxy);
    }
    return proxy;
  }

  #children(child: PmdTable['child']): PmdTable['child'] {
    const slot = String(pmd_index(this.addr));
    return new Proxy(child, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        return key === slot && value !== null ? this.#pte(value as PteTable) : value;
      },
      set: (target, key, value) => {
        if (key === slot) this.storing();
        return Reflect.set(target, key, value, target);
      },
    });
  }

  #pte(table: PteTable): PteTable {
    let proxy = this.#ptes.get(table);
    if (proxy === undefined) {
      proxy = watched(table, slotsOf(pte_index(this.addr)), this.storing);
      this.#ptes.set(table, proxy);
    }
    return proxy;
  }
}

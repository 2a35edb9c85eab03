// SPDX-License-Identifier: GPL-2.0-only
/** Functions by addresses of ours: what a binary trace says of them is the address, and /proc/kallsyms the name. */

/** Where the kernel's text is, without KASLR. */
const TEXT = 0xffffffff81000000n;
const SPACING = 64n;

export class Symbols {
  readonly #addresses = new Map<string, bigint>();

  addressOf(name: string): bigint {
    const known = this.#addresses.get(name);
    if (known !== undefined) return known;
    const address = TEXT + SPACING * BigInt(this.#addresses.size);
    this.#addresses.set(name, address);
    return address;
  }

  /** As /proc/kallsyms has them. */
  text(): string {
    return [...this.#addresses].map(([name, at]) => `${at.toString(16)} T ${name}\n`).join('');
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/** Bytes in a row that grow, little endian. */

const encoder = new TextEncoder();

export class Bytes {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** Of a negative value its two's complement. */
  u64(value: number | bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  text(text: string): this {
    return this.raw(encoder.encode(text));
  }

  /** Ended by a NUL. */
  string(text: string): this {
    return this.text(text).u8(0);
  }

  /** Zeros, up to the next multiple of `unit`. */
  align(unit: number): this {
    const missing = -this.#length & (unit - 1);
    const at = this.#grow(missing);
    this.#bytes.fill(0, at, this.#length);
    return this;
  }

  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  clear(): void {
    this.#length = 0;
  }

  /** What there is now; it changes with the next byte. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Room for `count` more; return: where it begins. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

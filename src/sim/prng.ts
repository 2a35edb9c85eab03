// SPDX-License-Identifier: GPL-2.0-only
/** The one source of randomness of a machine: xoshiro128**, seeded by splitmix32. Same seed, same words. */

export class Prng {
  private s0 = 0;
  private s1 = 0;
  private s2 = 0;
  private s3 = 0;

  /** `seed` is a non-negative integer below 2^53. */
  constructor(seed: number) {
    this.reseed(seed);
  }

  reseed(seed: number): void {
    let x = (seed ^ Math.floor(seed / 0x100000000) ^ 0x9e3779b9) | 0;
    const splitmix = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x ^ (x >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.s0 = splitmix();
    this.s1 = splitmix();
    this.s2 = splitmix();
    this.s3 = splitmix() | 1;
  }

  /** A uniformly random integer in [0, 2^32). */
  nextU32(): number {
    const m = Math.imul(this.s1, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9) >>> 0;
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result;
  }

  nextU64(): bigint {
    return (BigInt(this.nextU32()) << 32n) | BigInt(this.nextU32());
  }

  /** A uniformly random integer in [0, bound); `bound` at most 2^32. */
  below(bound: number): number {
    const limit = Math.floor(0x100000000 / bound) * bound;
    for (;;) {
      const value = this.nextU32();
      if (value < limit) return value % bound;
    }
  }
}

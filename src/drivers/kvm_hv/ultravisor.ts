// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stands for the Ultravisor of a POWER machine: the guest's pages that the hypervisor cannot read. What it gives out is
 * encrypted, and what it takes back is decrypted; what it keeps is in the device page that stands for it.
 */
import type { Kernel } from '../../mm/kernel.js';
import type { Page } from '../../sim/memmap.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

export class Ultravisor {
  /** Guest frames whose contents are outside, encrypted. */
  readonly #encrypted = new Set<number>();

  constructor(private readonly k: Kernel) {}

  /** UV_PAGE_IN: `page` of system memory becomes the contents of the secure page. */
  uv_page_in(page: Page, secure: Page, gfn: number): void {
    this.k.contents.copy_page(secure, page);
    if (this.#encrypted.delete(gfn)) this.crypt(secure, gfn, -1);
  }

  /** UV_PAGE_IN of a page that stays the hypervisor's: the guest sees the same memory. */
  uv_page_share(gfn: number): void {
    this.#encrypted.delete(gfn);
  }

  /**
   * UV_PAGE_OUT: what is in the secure page, encrypted. DIVERGES: a guest that is not secure yet has nothing to hide, so
   * that it can go on as it was after H_SVM_INIT_ABORT.
   */
  uv_page_out(secure: Page, page: Page, gfn: number, isSecure: boolean): void {
    this.k.contents.copy_page(page, secure);
    if (!isSecure) return;
    this.crypt(page, gfn, 1);
    this.#encrypted.add(gfn);
  }

  /** UV_SVM_TERMINATE. What was encrypted stays unreadable. */
  uv_svm_terminate(): void {
    this.#encrypted.clear();
  }

  /**
   * `sign`: 1 encrypts, -1 decrypts; what is encrypted twice is not what it was. The key is the frame's, so that equal pages look different.
   */
  private crypt(page: Page, gfn: number, sign: 1 | -1): void {
    const bytes = new Uint8Array(PAGE_SIZE);
    this.k.contents.readBytes(page, 0, bytes, 0, PAGE_SIZE);
    for (let n = 0; n < PAGE_SIZE; n++) {
      const word = Math.imul(gfn * 1024 + (n >>> 2) + 1, 0x9e3779b1);
      bytes[n]! += sign * (((word ^ (word >>> 15)) >>> (8 * (n & 3))) & 0xff);
    }
    this.k.contents.writeBytes(page, 0, bytes, 0, PAGE_SIZE);
  }
}

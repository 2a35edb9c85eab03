// SPDX-License-Identifier: GPL-2.0-only
/** Parts of `run` that are loaded and run in this thread, for those who share its files and its machines. */
import type { MachineSource } from '../session/runner.js';
import type { Crew, SourceLoaded, SourcePart, SourceTold } from './run-jobs.js';
import { type PartOptions, type PartRunner, partRunner } from './run-part.js';
import { breathe } from './terminal.js';

export class Here implements Crew {
  /** Of each part. */
  readonly #sources: number[] = [];

  private constructor(private readonly runner: PartRunner) {}

  static async crew(options: PartOptions, source: MachineSource): Promise<Here> {
    return new Here(await partRunner(options, source));
  }

  async *load(parts: () => Iterable<SourcePart>): AsyncGenerator<SourceLoaded> {
    for (const part of parts()) {
      await breathe();
      const { file, source } = part;
      yield { ...this.runner.load(this.#sources.length, part), file, source };
      this.#sources.push(source);
    }
  }

  async *run(): AsyncGenerator<SourceTold> {
    for (const [index, source] of this.#sources.entries()) yield { source, told: this.runner.run(index) };
  }

  async finish(): Promise<void> {
    this.runner.finish();
  }

  async stop(): Promise<void> {}
}

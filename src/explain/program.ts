// SPDX-License-Identifier: GPL-2.0-only
/** Explains what a program does that is no scenario: its commands as they come, and the faults that devices caused. */

import type { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import { spellingOf } from '../scenario/spelling.js';
import { errnoName } from '../uapi/errno.js';
import { type Call, CallWatch, type Fault } from '../watch/call-watch.js';
import { explainCommand } from './command.js';
import { explainFault } from './fault.js';
import type { ExplainContext } from './page.js';
import { commandLines, factText } from './text.js';

/** Faults that say something about devices; the others are the program's everyday life. */
function isTelling({ before, result }: Fault): boolean {
  return result !== 'ok' || before.where === 'private' || before.where === 'exclusive';
}

export class ProgramExplainer {
  readonly sink: TraceSink;
  readonly #watch: CallWatch;
  readonly #context: ExplainContext;
  #lines: string[] = [];

  constructor(machine: Machine) {
    const nameOf = (addr: number): string => `0x${addr.toString(16)}`;
    this.#context = { machine, spelling: spellingOf(machine.generation), nameOf };
    this.#watch = new CallWatch(machine, {
      call: (call) => this.#call(call),
      fault: (fault) => {
        if (isTelling(fault)) this.#fault(fault);
      },
    });
    this.sink = this.#watch;
  }

  /** The lines since the last time. */
  take(): string[] {
    this.#watch.abandon(true);
    return this.#lines.splice(0);
  }

  #call(call: Call): void {
    const { command, device, addr, pages } = call;
    const range = `0x${addr.toString(16)} +${pages} pages`;
    this.#lines.push(`${command.text} ${device.name} ${range}: ${this.#answer(call)}`);
    this.#lines.push(...commandLines(explainCommand(this.#context, call)));
  }

  #answer({ ret }: Call): string {
    if (ret === undefined) return 'the kernel died';
    return ret === 0 ? 'ret 0' : `ret ${errnoName(-ret)}`;
  }

  #fault(fault: Fault): void {
    const explained = explainFault(fault);
    const { fn, verdict } = explained;
    const access = fault.write ? 'store' : 'load';
    const result = verdict === 'fault' ? '' : ` ${verdict}`;
    this.#lines.push(`CPU ${access} 0x${fault.addr.toString(16)}:${result} ${fn}: ${factText(explained)}`);
  }
}

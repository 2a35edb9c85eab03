// SPDX-License-Identifier: GPL-2.0-only
/** Reports of the kernel between the lines of a log: oops, WARN, KASAN, lockdep, stalls; traces decoded or plain. */
import { NOISE, type ReportKind, reportKinds } from './report-kinds.js';

/** A report is over after so many lines: whatever names its function has come by then. */
const MAX_LINES = 160;
const MAX_FRAMES = 24;
const MAX_KEPT = 40;

export interface KernelReport {
  readonly title: string;
  /** The function that the title names. */
  readonly fn: string | undefined;
  /** "mm/memory.c:1234", where the report says it. */
  readonly at: string | undefined;
  /** Functions of its trace, inner first, without those that every trace has. */
  readonly frames: readonly string[];
  /** The program that ran. */
  readonly comm: string | undefined;
  readonly kills: boolean;
  /** Its lines, the first of them. */
  readonly lines: readonly string[];
  readonly line: number;
  /** It ends before the kernel ended it, or other output runs through it. */
  readonly incomplete: boolean;
}

/** What a report comes to: what symptoms call it. */
export function wayOf({
  title,
  kills,
}: Pick<KernelReport, 'title' | 'kills'>): 'warns' | 'hangs' | 'oopses' | undefined {
  if (title.startsWith('WARNING in')) return 'warns';
  if (/hung|stall|lockup/.test(title)) return 'hangs';
  return kills || /^K[A-Z]+:/.test(title) ? 'oopses' : undefined;
}

const POINTER =
  /^(?:RIP: (?:\w+:)?|pc\s*: |epc\s*: |NIP \[\w+\] |EIP: |Krnl PSW : \w+ \w+ \()\[?(?:<\w+>\] )?([A-Za-z_][\w.]*)(?:\+0x| \(|$)/;
const FRAME = /^(?:\[<[\w ]+>\] )?(\? )?([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+\/0x[0-9a-f]+|(?= \([\w./-]+:\d+))/;
const LOCK = /\bat: (?:\[<\w+>\] )?([A-Za-z_][\w.]*)(?:\+0x| \()/;
const BAD_UNLOCK = /^\[?<?\w*>?\]? ?([A-Za-z_][\w.]*)\+0x\S+$/;
const COMM = /\b(?:Comm|comm): (\S+)|^\S.* by task (\S+?)\/\d+$/;
const ENDS = /^(?:---\[ end (?:trace|Kernel panic)|<\/TASK>|Last Breaking-Event-Address)/;
const SITE = /\b((?:[\w-]+\/)+[\w-]+\.[ch]:\d+)/;

/** Symbols lose what the compiler appends. */
const plain = (symbol: string): string => symbol.replace(/\.(?:isra|constprop|part|cold|llvm)\b.*$/, '');

/** Of all kinds at once: most lines begin none. */
const BEGINS = new RegExp(reportKinds.map(({ begins }) => `(?:${begins.source})`).join('|'), 'i');

class OpenReport implements KernelReport {
  readonly frames: string[] = [];
  readonly lines: string[] = [];
  at: string | undefined;
  comm: string | undefined;
  incomplete: boolean;
  seen = 0;
  private named: string | undefined;
  private pointer: string | undefined;
  private lock: string | undefined;
  private access = '';

  constructor(
    private readonly kind: ReportKind,
    private readonly match: RegExpExecArray,
    readonly line: number,
    first: string,
  ) {
    this.named = kind.named === undefined ? undefined : plain(match[kind.named]!);
    this.incomplete = !this.isWhole;
    this.add(first);
  }

  /** Nothing that follows is of it. */
  get isWhole(): boolean {
    return this.kind.oneLine ?? false;
  }

  get kills(): boolean {
    return this.kind.kills ?? false;
  }

  get fn(): string | undefined {
    if (this.named !== undefined) return this.named;
    if (this.kind.from === 'lock') return this.lock ?? this.frames[0];
    if (this.kind.from === 'trace') return this.frames[0] ?? this.pointer;
    return this.pointer ?? this.frames[0];
  }

  get title(): string {
    const { kind, fn, match, access } = this;
    if (this.named === 'refcount_warn_saturate')
      return `WARNING: refcount bug in ${this.frames[0] ?? this.named}`;
    const template = fn === undefined ? (kind.bare ?? kind.title.replace(' in FN', '')) : kind.title;
    return template
      .replace(/\$(\d)/g, (_, n: string) => match[Number(n)] ?? '')
      .replace(/ ACCESS/, access === '' ? '' : ` ${access}`)
      .replace('FN', fn ?? '')
      .trim();
  }

  /** Return: whether the report goes on. */
  add(text: string): boolean {
    this.seen++;
    if (this.lines.length < MAX_KEPT) this.lines.push(text);
    this.comm ??= COMM.exec(text)
      ?.slice(1)
      .find((name) => name !== undefined);
    if (this.seen < 3) this.at ??= SITE.exec(text)?.[1];
    this.access ||= /^(Read|Write) of size/.exec(text)?.[1] ?? '';
    const pointer = POINTER.exec(text)?.[1];
    if (pointer !== undefined) {
      this.pointer ??= plain(pointer);
      this.at ??= SITE.exec(text)?.[1];
    }
    this.lock ??= this.lockOf(text);
    const [, unsure, symbol] = FRAME.exec(text) ?? [];
    if (symbol !== undefined && unsure === undefined) this.frame(plain(symbol));
    return this.seen < MAX_LINES;
  }

  private lockOf(text: string): string | undefined {
    if (this.kind.from !== 'lock') return undefined;
    const symbol = LOCK.exec(text)?.[1] ?? (text.startsWith('[<') ? BAD_UNLOCK.exec(text)?.[1] : undefined);
    return symbol === undefined ? undefined : plain(symbol);
  }

  private frame(symbol: string): void {
    if (this.frames.length < MAX_FRAMES && !NOISE.test(symbol)) this.frames.push(symbol);
  }
}

/** Finds reports in lines; the caller says which lines may be the kernel's. */
export class DmesgReader {
  private report: OpenReport | undefined;
  private after = 0;

  /** Whether the next lines may belong to a report. */
  get open(): boolean {
    return this.report !== undefined;
  }

  /** Return: a report that begins in this line, which grows with those that follow. */
  line(text: string, number: number): KernelReport | undefined {
    const begun = this.begin(text, number);
    if (begun !== undefined) return begun === this.report ? undefined : this.opened(begun);
    const { report } = this;
    if (report === undefined) return undefined;
    const goesOn = report.add(text);
    if (ENDS.test(text)) {
      report.incomplete = false;
      // An oops shows its instruction pointer after the trace, too; and decoders print the rest.
      this.after = 1;
    }
    if (!goesOn || (this.after > 0 && this.after++ > 12)) this.report = undefined;
    return undefined;
  }

  private opened(report: OpenReport): KernelReport {
    this.report = report.isWhole ? undefined : report;
    this.after = 0;
    return report;
  }

  private begin(text: string, number: number): OpenReport | undefined {
    if (!BEGINS.test(text)) return undefined;
    for (const kind of reportKinds) {
      const match = kind.begins.exec(text);
      if (match === null) continue;
      const { report } = this;
      // "Oops: 0000 [#1]" and the panic at the end are of the report that is open.
      if (report?.kills && /^(?:Oops|Internal error|Kernel panic|general protection)/.test(text)) {
        report.add(text);
        return report;
      }
      return new OpenReport(kind, match, number, text);
    }
    return undefined;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * What trace.dat and perf.data say of events in the same way: from the magic number to the names of tasks. Answers for:
 * trace-cmd.dat.v6(5), tools/perf/util/trace-event-info.c.
 */
import { Bytes } from './bytes.js';
import type { EventFormats } from './event-formats.js';
import { PAGE_BYTES } from './ring-buffer.js';

const MAGIC = [0x17, 0x08, 0x44];
const LITTLE_ENDIAN = 0;
const LONG_BYTES = 8;

const field = (text: string, offset: number, size: number, signed: number): string =>
  `\tfield: ${text};\toffset:${offset};\tsize:${size};\tsigned:${signed};\n`;

/** events/header_page. */
const HEADER_PAGE = [
  field('u64 timestamp', 0, 8, 0),
  field('local_t commit', 8, 8, 1),
  field('int overwrite', 8, 1, 1),
  field('char data', 16, PAGE_BYTES - 16, 1),
].join('');

/** events/header_event. */
const HEADER_EVENT = [
  '# compressed entry header\n',
  '\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n',
  '\tpadding     : type == 29\n\ttime_extend : type == 30\n\ttime_stamp : type == 31\n',
  '\tdata max type_len  == 28\n',
].join('');

/** Its length in eight bytes, then the text. */
function sized(bytes: Bytes, text: string): void {
  const data = new TextEncoder().encode(text);
  bytes.u64(data.length).raw(data);
}

export interface TracingData {
  readonly formats: EventFormats;
  /** /proc/kallsyms. */
  readonly kallsyms: string;
  /** saved_cmdlines. */
  readonly tasks: readonly string[];
}

/** `version`: of the file format. */
export function tracingData(version: string, { formats, kallsyms, tasks }: TracingData): Bytes {
  const bytes = new Bytes();
  for (const byte of MAGIC) bytes.u8(byte);
  bytes.text('tracing').string(version).u8(LITTLE_ENDIAN).u8(LONG_BYTES).u32(PAGE_BYTES);
  sized(bytes.string('header_page'), HEADER_PAGE);
  sized(bytes.string('header_event'), HEADER_EVENT);
  const ftrace = formats.ftrace();
  bytes.u32(ftrace.length);
  for (const text of ftrace) sized(bytes, text);
  const systems = formats.systems();
  bytes.u32(systems.size);
  for (const [system, texts] of systems) {
    bytes.string(system).u32(texts.length);
    for (const text of texts) sized(bytes, text);
  }
  const symbols = new TextEncoder().encode(kallsyms);
  bytes.u32(symbols.length).raw(symbols);
  // No trace_printk() has a format.
  bytes.u32(0);
  sized(bytes, tasks.join(''));
  return bytes;
}

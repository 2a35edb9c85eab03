// SPDX-License-Identifier: GPL-2.0-only
/** A command of a driver, explained: why it answered what it did, and what became of its pages. */

import { EBUSY, EFAULT, ENOENT } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Call } from '../watch/call-watch.js';
import { type ExplainContext, explainCall } from './page.js';
import { isGone, last, stopOf } from './page-events.js';
import type { Cause, CommandExplanation } from './verdict.js';

function atomicAccess({ nameOf }: ExplainContext, call: Call): Cause | undefined {
  const { device, command } = call;
  const isAtomic = (index: number): boolean =>
    call.after.at(index).devices.some((one) => one.device === device && one.access === 'a');
  let index = 0;
  while (index < call.after.length && !isAtomic(index)) index++;
  if (index === call.after.length) return undefined;
  const page = nameOf(call.addr + index * PAGE_SIZE);
  return { fn: command.fn, reason: { id: 'atomic-access', device: device.name, page } };
}

/** The first page that the device does not know, where the command ends with reading them. */
function unknownPage({ nameOf }: ExplainContext, call: Call): Cause | undefined {
  const missing = call.knownAfter.indexOf(false);
  if (call.ret !== -ENOENT || missing < 0) return undefined;
  const page = nameOf(call.addr + missing * PAGE_SIZE);
  return { fn: call.command.reader, reason: { id: 'not-in-device-table', page } };
}

/** Why the command as a whole answered an error; undefined when it did not, or nothing is known. */
function causeOf(context: ExplainContext, call: Call): Cause | undefined {
  const { ret, command } = call;
  if (ret === 0) return undefined;
  if (ret === undefined) {
    const waits = last(call.events, 'memunmap_pages_wait');
    return waits && { fn: waits.fn, reason: waits.reason };
  }
  const stop = stopOf(call);
  if (stop !== undefined) return { fn: stop.fn, reason: stop.reason, at: context.nameOf(stop.addr) };
  if (command.does === 'check-exclusive') return atomicAccess(context, call);
  if (command.does === 'exclusive' && ret === -EBUSY) {
    return { fn: command.fn, reason: { id: 'not-all-exclusive' } };
  }
  if (isGone(call)) return { fn: 'mmget_not_zero', reason: { id: 'address-space-gone' } };
  if (ret === -EFAULT) {
    const fn = command.does === 'write' ? 'copy_from_user' : 'copy_to_user';
    return { fn, reason: { id: 'buffer-inaccessible' } };
  }
  return unknownPage(context, call);
}

export function explainCommand(context: ExplainContext, call: Call): CommandExplanation {
  const cause = causeOf(context, call);
  const pages = explainCall(context, call);
  const more = pages.length === 0 ? 0 : call.pages - pages.length;
  return { ...(cause === undefined ? {} : { cause }), pages, more };
}

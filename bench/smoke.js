// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim smoke`, private and generic: wall time and peak memory, next to a node that does nothing. */
import { fileURLToPath } from 'node:url';
import { measure } from './measure.js';

const bin = fileURLToPath(new URL('../bin/hmm-sim.js', import.meta.url));
const MAX_SECONDS = 1.5;
const MAX_MB = 400;

const runs = {
  'smoke, private': ['smoke', '--seed', '7'],
  'smoke, generic': ['smoke', '0x100000000', '0x140000000', '--seed', '7'],
};

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const idle = await measure(['-e', '0']);
  const rows = [];
  for (const [name, args] of Object.entries(runs)) {
    const { seconds, peakMB, status } = await measure([bin, ...args]);
    const note = status === 0 ? '' : `exit ${status}`;
    const peer = 'idle node';
    rows.push(
      {
        figure: `${name}: wall`,
        value: seconds,
        unit: 's',
        peer,
        peerValue: idle.seconds,
        limit: MAX_SECONDS,
        note,
      },
      {
        figure: `${name}: peak memory`,
        value: peakMB,
        unit: 'MB',
        peer,
        peerValue: idle.peakMB,
        limit: MAX_MB,
        note,
      },
    );
  }
  return rows;
}

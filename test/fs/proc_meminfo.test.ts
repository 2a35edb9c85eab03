// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { O_RDONLY } from '../../src/uapi/mman.js';

t.test('/proc/meminfo: RAM and huge pages, in parts too', async (t) => {
  const machine = Machine.boot({ kernel: '6.12', hugepages: 8 });
  const { pages } = machine.kernel;
  const process = machine.spawn('p');
  machine.call(process, function* (sys) {
    const buf = yield* sys.malloc(4096);
    yield* sys.store32(buf, 0);
    const free = pages.nr_free_pages * 4;
    const text = [
      `MemTotal:       ${`${pages.totalPages * 4}`.padStart(8)} kB`,
      `MemFree:        ${`${free}`.padStart(8)} kB`,
      'HardwareCorrupted:     0 kB',
      'HugePages_Total:       8',
      'HugePages_Free:        8',
      'HugePages_Rsvd:        0',
      'HugePages_Surp:        0',
      'Hugepagesize:       2048 kB',
      '',
    ].join('\n');
    const fd = yield* sys.open('/proc/meminfo', O_RDONLY);
    let seen = '';
    for (;;) {
      const len = yield* sys.read(fd, buf, 100);
      if (len === 0) break;
      seen += new TextDecoder().decode(yield* sys.loadBytes(buf, len));
    }
    t.equal(seen, text);
    t.equal(yield* sys.read(fd, 0, 100), 0, 'at the end');
    t.equal(yield* sys.close(fd), 0);
  });
});

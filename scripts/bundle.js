// SPDX-License-Identifier: GPL-2.0-only
/**
 * Puts what tsc left in dist/ together in bundle/, which is what runs: one file a room instead of some seven hundred, which
 * takes half as long to load. Commands stay files of their own, loaded when they are asked for. Rooms stay folders, and
 * tests files with source maps, as stacks are read by them (src/sim/stranger.ts, src/watch/page-watch.ts,
 * src/selftests/source_location.ts). Nothing is done where dist/ is as it was.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = `${root}bundle`;
const NEW = `${root}bundle.new`;

/** What others load: commands, the threads that they start, and what programs import. */
const threads = readdirSync(`${root}src/cli`).filter((file) => file.endsWith('-worker.ts'));
const ENTRIES = [
  'cli/main',
  ...threads.map((file) => `cli/${file.slice(0, -3)}`),
  'library/driver',
  'library/selftest',
  'index',
];

/** A hash of all that decides what is in bundle/. */
function madeOf() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  const files = readdirSync(`${root}dist`, { recursive: true }).map(String);
  for (const file of files.filter((file) => file.endsWith('.js')).sort()) {
    hash.update(`${file}\n`).update(readFileSync(`${root}dist/${file}`));
  }
  return hash.digest('hex');
}

/**
 * The file that a module goes to. Commands share what they share; what watches pages is left out of stacks by its file.
 * @param {string} id
 */
function roomOf(id) {
  const [, path = '', room] = /\/dist\/((\w+)\/.*)\.js$/.exec(id) ?? [];
  if (room === undefined || room === 'cli') return undefined;
  if (room === 'selftests') return path;
  return room === 'watch' ? 'watch/page-watch' : `${room}/${room}`;
}

/** Source maps lead to src/, and are there for tests alone. */
const maps = {
  name: 'maps',
  /** @param {string} id */
  load: (id) => ({ code: readFileSync(id, 'utf8'), map: readFileSync(`${id}.map`, 'utf8') }),
  /** @param {unknown} _options @param {Record<string, unknown>} files */
  generateBundle: (_options, files) => {
    for (const file of Object.keys(files)) {
      if (file.endsWith('.map') && !file.startsWith('selftests/')) delete files[file];
    }
  },
};

/** @param {string} now */
async function bundle(now) {
  const built = await rollup({
    input: Object.fromEntries(ENTRIES.map((name) => [name, `${root}dist/${name}.js`])),
    external: (id) => !/^[./]/.test(id),
    plugins: [maps],
    preserveEntrySignatures: 'strict',
    treeshake: false,
    onwarn: ({ code, message }) => {
      // Of functions that call each other across two files, which test/layers.test.ts knows.
      if (code !== 'CIRCULAR_DEPENDENCY') throw new Error(message);
    },
  });
  rmSync(NEW, { recursive: true, force: true });
  await built.write({
    dir: NEW,
    format: 'es',
    sourcemap: 'hidden',
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    manualChunks: roomOf,
    chunkFileNames: ({ name }) => (name.includes('/') ? '[name].js' : 'cli/[name].js'),
  });
  writeFileSync(`${NEW}/.made-of`, now);
  // What runs meanwhile has loaded what it needs, or does so from the new one.
  rmSync(OUT, { recursive: true, force: true });
  renameSync(NEW, OUT);
}

const now = madeOf();
if (!existsSync(`${OUT}/.made-of`) || readFileSync(`${OUT}/.made-of`, 'utf8') !== now) await bundle(now);

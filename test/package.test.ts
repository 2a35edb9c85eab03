// SPDX-License-Identifier: GPL-2.0-only
/** What `npm pack` packs works when it is installed elsewhere, with nothing but its declared dependencies. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import t from 'tap';
import { execute, root } from './cli/hmm-sim.js';

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};

/** Pack, unpack as an installation would, and link the dependencies. Return: node_modules of the installation. */
function install(directory: string): string {
  const packed = execute('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory], {
    cwd: root,
  });
  t.equal(packed.status, 0, packed.stderr);
  const modules = `${directory}/node_modules`;
  mkdirSync(`${modules}/.bin`, { recursive: true });
  const tarball = `${directory}/${packed.stdout.trim()}`;
  t.equal(execute('tar', ['-xzf', tarball, '-C', modules]).status, 0);
  t.equal(execute('mv', [`${modules}/package`, `${modules}/hmm-sim`]).status, 0);
  symlinkSync('../hmm-sim/bin/hmm-sim.js', `${modules}/.bin/hmm-sim`);
  for (const name of Object.keys(manifest.dependencies)) {
    symlinkSync(`${root}node_modules/${name}`, `${modules}/${name}`);
  }
  return modules;
}

const directory = t.testdir();
const modules = install(directory);
const installed = `${modules}/hmm-sim`;

t.test('the package holds what it needs and no more', async (t) => {
  const listed = execute('find', ['.', '-type', 'f'], { cwd: installed });
  const files = listed.stdout.trim().split('\n').sort();
  const top = [...new Set(files.map((file) => file.split('/')[1]!))].sort();
  t.same(top, [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'dist',
    'docs',
    'package.json',
    'test',
    'test_hmm.sh',
  ]);
  const tests = files.filter((file) => file.startsWith('./test/'));
  t.ok(tests.length > 20 && tests.every((file) => /^\.\/test\/bugs\/[a-z0-9-]+\.yaml$/.test(file)));
  t.equal(files.includes('./dist/.tsbuildinfo'), false);
  t.equal(files.includes('./dist/index.d.ts'), true);
});

t.test('its command runs', async (t) => {
  const command = `${modules}/.bin/hmm-sim`;
  t.same(execute(command, ['--version']), { status: 0, stdout: `${manifest.version}\n`, stderr: '' });
  const smoke = execute(command, ['smoke', '-t', 'anon_read', '--seed', '7'], { cwd: directory });
  t.equal(smoke.stderr, '');
  t.equal(smoke.status, 0);
  t.match(smoke.stdout, /\nok 1 hmm\.anon_read\n/);
});

t.test('its script runs', async (t) => {
  const { status, stdout } = execute('sh', [
    `${installed}/test_hmm.sh`,
    'smoke',
    '-t',
    'open_close',
    '--seed',
    '7',
  ]);
  t.equal(status, 0);
  t.match(stdout, /^Running smoke test[^\n]*\nTAP version 13\n1\.\.1\n/);
});

t.test('it can be imported', async (t) => {
  const code = "import { Machine } from 'hmm-sim'; console.log(typeof Machine.boot);";
  const ran = execute(process.execPath, ['--input-type=module', '-e', code], { cwd: directory });
  t.same(ran, { status: 0, stdout: 'function\n', stderr: '' });
});

// SPDX-License-Identifier: GPL-2.0-only
/** What `npm pack` packs works when it is installed elsewhere, with nothing but what is in it. */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { execute, nobody, root } from './cli/hmm-sim.js';
import { noNobody } from './host.js';

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  version: string;
  private: boolean;
  dependencies: Record<string, string>;
  bundleDependencies: string[];
};

/** Pack, and install that without a network and without a cache. Return: node_modules of the installation. */
function install(directory: string): string {
  const packed = execute('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory], {
    cwd: root,
  });
  t.equal(packed.status, 0, packed.stderr);
  writeFileSync(`${directory}/package.json`, '{}');
  const options = ['--offline', '--no-audit', '--no-fund', '--cache', `${directory}/cache`];
  const ran = execute('npm', ['install', ...options, packed.stdout.trim()], { cwd: directory });
  t.same([ran.status, ran.stderr], [0, ''], 'no warning of scripts either');
  return `${directory}/node_modules`;
}

const directory = t.testdir();
const modules = install(directory);
const installed = `${modules}/hmm-sim`;

t.test('the package holds what it needs and no more', async (t) => {
  const listed = execute('find', ['.', '-name', 'node_modules', '-prune', '-o', '-type', 'f', '-print'], {
    cwd: installed,
  });
  const files = listed.stdout.trim().split('\n').sort();
  const top = [...new Set(files.map((file) => file.split('/')[1]!))].sort();
  t.same(top, [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'bundle',
    'dist',
    'docs',
    'examples',
    'man',
    'package.json',
    'test',
    'test_hmm.sh',
  ]);
  const tests = files.filter((file) => file.startsWith('./test/'));
  t.ok(tests.length > 20 && tests.every((file) => /^\.\/test\/bugs\/[a-z0-9-]+\.yaml$/.test(file)));
  t.same(
    files.filter((file) => /^\.\/(?:dist|bundle)\/\./.test(file)),
    [],
  );
  t.equal(files.includes('./dist/index.d.ts'), true);
});

t.test('dependencies are inside, of one version each; nobody publishes it by mistake', async (t) => {
  const { dependencies, bundleDependencies, private: isPrivate } = manifest;
  t.same(bundleDependencies, Object.keys(dependencies));
  for (const [name, version] of Object.entries(dependencies)) {
    const text = readFileSync(`${installed}/node_modules/${name}/package.json`, 'utf8');
    t.equal((JSON.parse(text) as { version: string }).version, version, name);
  }
  t.equal(isPrivate, true);
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

t.test('it works where nothing can be written, for who is not root', { skip: noNobody() }, async (t) => {
  const tree = () => execute('find', [installed, '-printf', '%p %s %T@\\n']).stdout;
  execute('chmod', ['-R', 'a-w,a+rX', modules]);
  const before = tree();
  const home = { ...nobody, env: { HOME: '/nonexistent', XDG_STATE_HOME: '' } };
  const scenario = `${installed}/examples`;
  for (const args of [
    [`${modules}/.bin/hmm-sim`, '--version'],
    [`${modules}/.bin/hmm-sim`, 'smoke', '-t', 'anon_read', '--seed', '7'],
    [`${modules}/.bin/hmm-sim`, 'run', scenario],
    [`${installed}/test_hmm.sh`, 'smoke', '-t', 'open_close', '--seed', '7'],
  ]) {
    const { status, stderr } = execute('sh', ['-c', '"$@"', 'sh', ...args], { cwd: '/', ...home });
    t.strictSame([status, stderr], [0, ''], args.join(' '));
  }
  const shell = execute(process.execPath, [`${installed}/bin/hmm-sim.js`, 'shell'], {
    ...home,
    input: 'open d0 0\n',
  });
  t.strictSame(shell, { status: 0, stdout: '{ ret: 0 }\n', stderr: '' }, 'no history, and no complaint');
  t.equal(tree(), before);
  execute('chmod', ['-R', 'u+w', modules]);
});

t.test('it can be imported', async (t) => {
  const code = "import { Machine } from 'hmm-sim'; console.log(typeof Machine.boot);";
  const ran = execute(process.execPath, ['--input-type=module', '-e', code], { cwd: directory });
  t.same(ran, { status: 0, stdout: 'function\n', stderr: '' });
});

t.test('a driver of one’s own compiles against it alone, and is loaded', async (t) => {
  writeFileSync(`${directory}/package.json`, '{ "type": "module" }');
  const text = readFileSync(`${installed}/examples/drivers/mirror.js`, 'utf8');
  const compile = (source: string) => {
    writeFileSync(`${directory}/mirror.js`, source);
    const options = {
      allowJs: true,
      checkJs: true,
      strict: true,
      target: 'es2022',
      module: 'nodenext',
      types: [],
    };
    const project = { compilerOptions: { ...options, outDir: 'built' }, files: ['mirror.js'] };
    writeFileSync(`${directory}/tsconfig.json`, JSON.stringify(project));
    const tsc = `${root}node_modules/typescript/bin/tsc`;
    return execute(process.execPath, [tsc, '-p', '.'], { cwd: directory });
  };
  t.same(compile(text), { status: 0, stdout: '', stderr: '' });
  const scenario = `${installed}/examples/drivers/mirror.scenario`;
  const args = ['run', '--check', '--insmod', 'built/mirror.js', scenario];
  const ran = execute(`${modules}/.bin/hmm-sim`, args, { cwd: directory });
  t.same([ran.status, ran.stderr], [0, '']);
  t.match(
    compile(text.replace('interface: 1', 'interface: 2')).stdout,
    /Type '2' is not assignable to type '1'/,
  );
  t.match(compile(text.replace('hmm.alloc_page(this.k, true)', "hmm.alloc_page('k')")).stdout, /'string'/);
});

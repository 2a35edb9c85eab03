// SPDX-License-Identifier: GPL-2.0-only
/** How tests are written: what fails to load fails, and only a lack of the host skips a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import * as host from './host.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const HOST = Object.keys(host).filter((name) => name.startsWith('no'));

/** What tests call that make a tree of their own, build it and import that. */
const BUILD_THEIR_OWN: readonly string[] = ['test/copied_tree.ts'];

const IMPORTS = 'imports while it runs';

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
}

function everyNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => everyNode(child, visit));
}

/** The options of a test: what is an argument of `t.test(name, options, body)` and no function. */
function optionsOf(call: ts.CallExpression): ts.Expression | undefined {
  const { expression } = call;
  if (!ts.isPropertyAccessExpression(expression) || expression.name.text !== 'test') return undefined;
  return call.arguments.length > 2 ? call.arguments[1] : undefined;
}

/** `skip: noCompiler()` and `timeout: 1` are well; what else is there, or could be. */
function wrongOption(option: ts.ObjectLiteralElementLike): boolean {
  if (!ts.isPropertyAssignment(option)) return true;
  const name = option.name.getText();
  if (name !== 'skip') return name === 'todo';
  const reason = option.initializer;
  return !ts.isCallExpression(reason) || !HOST.includes(reason.expression.getText());
}

function complaint(node: ts.Node, namespaces: ReadonlySet<string>): string | undefined {
  if (ts.isAsExpression(node) && namespaces.has(node.expression.getText())) {
    return 'says what a module exports instead of importing it';
  }
  if (!ts.isCallExpression(node)) return undefined;
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return IMPORTS;
  if (/\.(skip|todo)$/.test(node.expression.getText())) return 'skips a test';
  const options = optionsOf(node);
  if (options === undefined) return undefined;
  if (!ts.isObjectLiteralExpression(options)) return 'has options that are not written where the test is';
  return options.properties.some(wrongOption) ? 'skips a test for what the host does not lack' : undefined;
}

function complaints(path: string, text: string): string[] {
  const source = parse(path, text);
  const namespaces = new Set<string>();
  const found: string[] = [];
  everyNode(source, (node) => {
    if (ts.isNamespaceImport(node)) namespaces.add(node.name.text);
    const wrong = complaint(node, namespaces);
    if (wrong === undefined) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${path}:${line + 1} ${wrong}`);
  });
  return found;
}

t.test('tests import statically what they test, and skip for the host only', async (t) => {
  t.same(HOST, [
    'noChromium',
    'noCompiler',
    'noFish',
    'noNobody',
    'noPerf',
    'noProve',
    'noScript',
    'noTraceCmd',
    'noZsh',
  ]);
  const tests = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  t.ok(tests.includes('habits.test.ts'));
  const found = tests.flatMap((path) =>
    complaints(`test/${path}`, readFileSync(`${root}test/${path}`, 'utf8')),
  );
  const isAllowed = (text: string): boolean =>
    BUILD_THEIR_OWN.some((path) => text.startsWith(`${path}:`) && text.endsWith(IMPORTS));
  t.same(
    found.filter((text) => !isAllowed(text)),
    [],
  );
  t.equal(found.filter(isAllowed).length, BUILD_THEIR_OWN.length, 'every allowance is needed');
});

t.test('what the check refuses', async (t) => {
  const refused = (text: string) => complaints('x.ts', text);
  t.same(refused("t.test('a', { skip: noCompiler(), timeout: 5 }, (t) => t.end());"), []);
  t.same(refused("t.test('a', (t) => t.end());"), []);
  t.same(refused("const { A } = await import('../src/a.js');"), ['x.ts:1 imports while it runs']);
  t.same(refused("t.test('a', waiting, (t) => t.end());"), [
    'x.ts:1 has options that are not written where the test is',
  ]);
  const skips = 'x.ts:1 skips a test for what the host does not lack';
  t.same(refused("t.test('a', { skip: 'not yet' }, (t) => t.end());"), [skips]);
  t.same(refused("t.test('a', { skip }, (t) => t.end());"), [skips]);
  t.same(refused("t.test('a', { ...waiting }, (t) => t.end());"), [skips]);
  t.same(refused("t.test('a', { todo: true }, (t) => t.end());"), [skips]);
  t.same(refused("t.skip('a', (t) => t.end());"), ['x.ts:1 skips a test']);
  t.same(refused("import * as all from '../src/a.js';\nconst { A } = all as { A?: unknown };"), [
    'x.ts:2 says what a module exports instead of importing it',
  ]);
});

t.test('continuous integration installs once, with the command of the README', async (t) => {
  const commands = (path: string) =>
    readFileSync(`${root}${path}`, 'utf8').match(/^npm (?:ci|cit|clean-\S+|i|install)\b/gm);
  t.same(commands('.ci/run'), ['npm cit']);
  t.same(commands('README.md'), ['npm cit']);
});

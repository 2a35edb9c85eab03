// SPDX-License-Identifier: GPL-2.0-only
/** Where a path of a document stands in its YAML text. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import type { Path } from './diagnose.js';

function startOf(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

function pairOf(node: unknown, key: string | number): Pair | undefined {
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => (isScalar(pair.key) ? pair.key.value : pair.key) === key);
}

/** Offset of the value at `path` (of its key, when `atKey`), or of the nearest thing that is there. */
export function offsetOf(document: Document.Parsed, path: Path, atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node, 0);
  for (const [depth, key] of path.entries()) {
    // An alias stands for what it names; its own place is the better one to point at.
    const target = isAlias(node) ? node.resolve(document) : node;
    const pair = pairOf(target, key);
    if (pair !== undefined) {
      offset = startOf(pair.key, offset);
      node = pair.value;
      if (atKey && depth === path.length - 1) return offset;
    } else if (isSeq(target) && typeof key === 'number') {
      node = target.items[key];
    } else {
      return offset;
    }
    offset = startOf(node, offset);
  }
  return offset;
}

/** The line, from 1, of a step of a document that is YAML, or JSON. */
export function stepLine(text: string, step: number): number {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  return lines.linePos(offsetOf(document, ['steps', step], false)).line;
}

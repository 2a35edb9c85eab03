// SPDX-License-Identifier: GPL-2.0-only
/** Is a text well-formed XML, as far as our reports use it: one root, tags that match, quoted attributes, no bare "<" or "&". */
export function isWellFormed(text: string): boolean {
  const attribute = /\s+[\w:.-]+="(?:[^<&"]|&(?:amp|lt|gt|quot|#\d+);)*"/.source;
  const token = new RegExp(
    `<(/?)([\\w.-]+)((?:${attribute})*)\\s*(/?)>|([^<&]|&(?:amp|lt|gt|quot|#\\d+);)+`,
    'y',
  );
  const open: string[] = [];
  let roots = 0;
  token.lastIndex = /^<\?xml [^?]*\?>\n/.exec(text)?.[0].length ?? 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (match === null) return false;
    const [, closing, name, , empty] = match;
    if (name === undefined) continue;
    if (closing === '/') {
      if (open.pop() !== name) return false;
    } else {
      if (open.length === 0) roots++;
      if (empty !== '/') open.push(name);
    }
  }
  return open.length === 0 && roots === 1;
}

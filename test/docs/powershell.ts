import { createRequire } from 'node:module';

import { Language, type Node, Parser } from 'web-tree-sitter';

const GRAMMAR = createRequire(import.meta.url).resolve('tree-sitter-powershell/tree-sitter-powershell.wasm');

let parser: Promise<Parser> | undefined;

async function load(): Promise<Parser> {
  await Parser.init();
  return new Parser().setLanguage(await Language.load(GRAMMAR));
}

/**
 * What of a PowerShell script its grammar does not take; empty where it takes all. It is stricter than PowerShell itself:
 * what begins with `-` and has `=` or a dot in it, and a bare `-` or `--`, has to be in quotes, which PowerShell needs for
 * some of them.
 */
export async function mistakesInPowerShell(script: string): Promise<string[]> {
  const tree = (await (parser ??= load())).parse(script);
  if (tree === null) throw new Error('The parser gave no tree.');
  return errorsIn(tree.rootNode).map(
    ({ startPosition, text }) =>
      `line ${startPosition.row + 1}, column ${startPosition.column + 1}: ${text.slice(0, 60)}`,
  );
}

function errorsIn(node: Node): Node[] {
  if (node.isError || node.isMissing) return [node];
  return node.hasError ? node.children.flatMap(errorsIn) : [];
}

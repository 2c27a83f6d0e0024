import { createRequire } from 'node:module';

import { Language, type Node, Parser } from 'web-tree-sitter';

const GRAMMAR = createRequire(import.meta.url).resolve('tree-sitter-powershell/tree-sitter-powershell.wasm');

let parser: Promise<Parser> | undefined;

async function load(): Promise<Parser> {
  await Parser.init();
  return new Parser().setLanguage(await Language.load(GRAMMAR));
}

/**
 * The syntax errors in a PowerShell script, each with line and column. The grammar is stricter than PowerShell: an argument
 * that starts with `-` and contains `=` or a dot, and a bare `-` or `--`, must be quoted. PowerShell requires that only for
 * some of them.
 */
export async function syntaxErrorsInPowerShell(script: string): Promise<string[]> {
  const tree = (await (parser ??= load())).parse(script);
  if (tree === null) throw new Error('The parser returned no tree.');
  return errorsIn(tree.rootNode).map(
    ({ startPosition, text }) =>
      `line ${startPosition.row + 1}, column ${startPosition.column + 1}: ${text.slice(0, 60)}`,
  );
}

function errorsIn(node: Node): Node[] {
  if (node.isError || node.isMissing) return [node];
  return node.hasError ? node.children.flatMap(errorsIn) : [];
}

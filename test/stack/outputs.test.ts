import { expect, test } from 'vitest';

import { readDocument, tableIn } from '../docs/markdown.ts';
import { DIGEST, runProgram } from './program.ts';

interface Row {
  readonly output: string;
  readonly types: readonly string[];
  readonly example: string;
}

const ROWS: readonly Row[] = tableIn(readDocument('docs/outputs.md'), 'output', 'type', 'since', 'example')
  .map((row) => row.map((cell) => cell.replaceAll('`', '')))
  .map(([output = '', type = '', , example = '']) => ({ output, types: type.split(' or '), example }));

const typeOf = (value: unknown): string => (value === null ? 'null' : typeof value);
const shown = (value: unknown): string =>
  value === DIGEST ? DIGEST.replace(/[0-9a-f]{64}/, '…') : typeof value === 'string' ? value : JSON.stringify(value);

test('the outputs are those that docs/outputs.md promises to other programs, with these types and values', async () => {
  const { outputs } = await runProgram({ host: 'claude-agent.example.com', tlsSecret: 'claude-agent-tls' });
  expect(Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, shown(value)]))).toEqual(
    Object.fromEntries(ROWS.map(({ output, example }) => [output, example])),
  );
  for (const { output, types } of ROWS) expect(types, output).toContain(typeOf(outputs[output]));
});

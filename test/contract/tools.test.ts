import { readFileSync, realpathSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CLAUDE_TOOLS, FORMER_TOOLS } from '../../agent/http/api/claude-tools.ts';
import { CLAUDE } from '../support/claude.ts';

it("the list of claude's tools matches the pinned CLI", () => {
  const cli = readFileSync(realpathSync(CLAUDE));
  const at = cli.indexOf('={Task:"Agent",');
  expect(at, 'the CLI stores the names of tools differently: look for KillShell').toBeGreaterThan(0);
  const before = cli.toString('latin1', at - 10_000, at);
  const after = cli.toString('latin1', at, at + 2000);
  const tools = JSON.parse(/\[(?:"\w+",?)+\](?=,\w+$)/.exec(before)?.[0] ?? '[]') as string[];
  expect([...CLAUDE_TOOLS].sort()).toEqual(tools.sort());
  const aliases = [...(/^=\{([^}]*)\}/.exec(after)?.[1] ?? '').matchAll(/(\w+):/g)].map(([, alias]) => alias);
  expect(FORMER_TOOLS).toEqual(expect.arrayContaining(aliases));
});

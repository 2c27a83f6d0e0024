import { readFileSync, realpathSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLAUDE_SETTINGS_KEYS } from '../../agent/claude-settings-keys.ts';
import { CLAUDE } from '../support/claude.ts';

/** The part of the CLI's program with the schema of its settings, where each key is written as `KEY:()=>SCHEMA`. */
let program: string;
let schema: string;
beforeAll(() => {
  const cli = readFileSync(realpathSync(CLAUDE));
  const at = cli.lastIndexOf('{$schema:()=>', cli.indexOf(',apiKeyHelper:()=>'));
  expect(at, 'the schema of the settings is written in another way: look for "authentication values"').toBeGreaterThan(
    0,
  );
  program = cli.toString('latin1', at - 400_000, at + 200_000);
  schema = cli.toString('latin1', at, at + 200_000);
});

/** A key of an object literal, and the number of brackets around it. */
interface Key {
  readonly name: string;
  readonly depth: number;
}

/** The keys in the object literal that begins at `start`. Skips strings and templates. */
function keysAt(text: string, start: number): Key[] {
  const keys: Key[] = [];
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (`"'\``.includes(char)) {
      for (at += 1; at < text.length && text[at] !== char; at += 1) if (text[at] === '\\') at += 1;
    } else if ('({['.includes(char)) depth += 1;
    else if (')}]'.includes(char)) {
      depth -= 1;
      if (depth === 0) return keys;
    }
    const name = '{,'.includes(char) ? /^[$\w]+(?=:)/.exec(text.slice(at + 1, at + 80))?.[0] : undefined;
    if (name !== undefined) keys.push({ name, depth });
  }
  return [];
}

/** The own keys of each object literal that matches `pattern`, one list per literal. */
function literals(pattern: RegExp): string[][] {
  return [...program.matchAll(pattern)].map(({ index, 0: found }) =>
    keysAt(program, index + found.lastIndexOf('{'))
      .filter(({ depth }) => depth === 1)
      .map(({ name }) => name),
  );
}

describe('the keys of settings', () => {
  it('are those of the schema in the pinned CLI', () => {
    const isKey = ({ name, depth }: Key): boolean => depth <= 2 && schema.includes(`${name}:()=>`);
    const known = keysAt(schema, 0)
      .filter(isKey)
      .map(({ name }) => name);
    const ofFeatures = literals(/buildGate:\(\)=>!0,shape:\(\)=>\(\{/g).flat();
    expect([...known, ...ofFeatures].sort()).toEqual([...(CLAUDE_SETTINGS_KEYS[''] ?? [])].sort());
  });

  it.each(['permissions', 'sandbox', 'sandbox.network', 'sandbox.filesystem', 'sandbox.credentials', 'autoMode'])(
    'are those of %s',
    (place) => {
      const listed = [...(CLAUDE_SETTINGS_KEYS[place] ?? [])].sort();
      const first = new RegExp(`\\(\\{(?:${listed.join('|')}):`, 'g');
      expect(literals(first).map((found) => found.sort())).toContainEqual(listed);
    },
  );

  it('are the events of hooks', () => {
    const [names] = /\["PreToolUse","PostToolUse","[^\]]*\]/.exec(program) ?? ['[]'];
    expect((JSON.parse(names) as string[]).sort()).toEqual([...(CLAUDE_SETTINGS_KEYS['hooks'] ?? [])].sort());
  });
});

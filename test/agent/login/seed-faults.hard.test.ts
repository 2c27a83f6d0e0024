import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from '../../support/agent.ts';

const HOUR = 3_600_000;

let agent: Agent;
beforeEach(() => {
  agent = new Agent({ env: { AGENT_WARM_START: 'off' } });
  agent.env['AGENT_SESSION_DIR'] = at('seed');
  mkdirSync(at('seed'));
});
afterEach(() => agent[Symbol.asyncDispose]());

const at = (...parts: string[]) => path.join(agent.folder, ...parts);
const text = (accessToken: string, expiresAt: number) =>
  JSON.stringify({ claudeAiOauth: { accessToken, refreshToken: `r-${accessToken}`, expiresAt } });
const seed = (content: string, name = '.credentials.json') => writeFileSync(at('seed', name), content);
const living = () => readFileSync(at('state/claude/.credentials.json'), 'utf8');
const said = () => agent.lines.join('\n');
async function restart(): Promise<void> {
  await agent.end('SIGTERM');
  await agent.start();
}

describe('an agent starts', () => {
  const broken: [string, (file: string) => unknown][] = [
    ['an empty file', (file) => writeFileSync(file, '')],
    ['no JSON', (file) => writeFileSync(file, '{"a"')],
    ['a list', (file) => writeFileSync(file, '[1]')],
    ['of numbers', (file) => writeFileSync(file, '{".credentials.json": 1e300}')],
    ['a folder', (file) => mkdirSync(path.join(file, 'x'), { recursive: true })],
    ['a link to nowhere', (file) => symlinkSync('/nowhere', file)],
    ['a named pipe', (file) => execFileSync('mkfifo', [file])],
  ];
  it.each(broken)('although the record of its seed is %s, reports it, and keeps a renewed login', async (_, spoil) => {
    seed(text('first', Date.now() + 60_000));
    await agent.start();
    const renewed = text('renewed', Date.now() + 8 * HOUR);
    writeFileSync(at('state/claude/.credentials.json'), renewed);
    await agent.end('SIGTERM');
    rmSync(at('state/seed.json'));
    spoil(at('state/seed.json'));
    await agent.start();
    expect(said()).toContain('the record of the seed cannot be read');
    expect(living()).toBe(renewed);
    expect(await agent.run('hello')).toMatchObject({ success: true });
    await restart();
    expect(living()).toBe(renewed);
  });

  it.each([1e300, -1e300, 8.64e15 + 1])(
    'although the login of a seed expires at %d, and adopts the next seed',
    async (end) => {
      seed(text('odd', end));
      await agent.start();
      const { auth } = await agent.health();
      expect(auth).toMatchObject({ state: 'unknown', refreshable: true });
      expect(auth).not.toHaveProperty('expiresAt');
      seed(text('even', Date.now() + HOUR));
      await restart();
      expect(living()).toContain('even');
    },
  );

  it.each(['', '{', '[]', '"x"', '{"claudeAiOauth":[]}'])('although the login of its seed is %j', async (content) => {
    seed(content);
    await agent.start();
    expect((await agent.health()).auth).toMatchObject({ state: 'auth_failed' });
    expect(said()).toContain('contains no login');
  });

  it('although its seed has settings that claude does not know, and lists them', async () => {
    seed('{"permisions": {"deny": ["Bash"]}, "permissions": {"denny": ["canary"]}}', 'settings.json');
    await agent.start();
    expect(said()).toContain('claude ignores unknown keys: permisions, permissions.denny');
    expect(said()).not.toContain('canary');
    seed('{', 'settings.json');
    await restart();
    expect(said()).toContain('it is not JSON, so none of it applies');
  });
});

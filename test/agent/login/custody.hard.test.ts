import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { AS_ROOT } from '../../support/claude.ts';

const HOUR = 3_600_000;

const loginFile = (accessToken: string) => {
  const claudeAiOauth = {
    accessToken,
    refreshToken: 'r',
    scopes: ['user:inference'],
    expiresAt: Date.now() + 8 * HOUR,
  };
  return JSON.stringify({ claudeAiOauth });
};

/** The agent with the pinned CLI and the double of the API. */
function realAgent(api: AnthropicDouble, env: Record<string, string> = {}): Agent {
  return new Agent({ env: { AGENT_CLAUDE_PATH: undefined, ANTHROPIC_BASE_URL: api.url, ...AS_ROOT, ...env } });
}

function writeIn(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
}

/** A hostile prompt: it has Bash copy everything in a folder into another one. */
const planting = (from: string, to: string) => `[[bash:cp -a ${from}/. ${to}/]] plant`;

/** The files that a hostile prompt puts into a configuration folder. Each has a word that would appear in requests to the API. */
const planted = (trace: (name: string) => string): Record<string, string> => ({
  'settings.json': hook(trace('hook')),
  'settings.local.json': hook(trace('local')),
  'CLAUDE.md': 'A word of memory: planted-egret.',
  'rules/rule.md': 'A word of a rule: planted-ibis.',
  'agents/agent.md': '---\nname: planted-stork\ndescription: A planted-stork.\n---\nStork.',
  'skills/skill/SKILL.md': '---\nname: planted-crane\ndescription: A planted-crane.\n---\nCrane.',
  'commands/command.md': '---\ndescription: A planted-bittern.\n---\nBittern.',
  '.claude.json': JSON.stringify({ env: { PLANTED: 'planted-heron' }, mcpServers: {} }),
});
const hook = (file: string) =>
  JSON.stringify({ hooks: { UserPromptSubmit: [{ hooks: [{ type: 'command', command: `touch ${file}` }] }] } });

/** Which of the words a text contains, each once. */
function wordsIn(text: string): string[] {
  return [...new Set(text.match(/planted-\w+|avocet|godwit|lighthouse/g))].sort();
}

describe('what a prompt writes into the configuration of claude', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  const at = (...parts: string[]) => path.join(agent.folder, ...parts);
  const seed = {
    '.credentials.json': loginFile('sk-ant-oat01-first'),
    'CLAUDE.md': 'The word that the operator gave is avocet.',
    'settings.json': '{"includeCoAuthoredBy":false}',
    'skills/given/SKILL.md': '---\nname: given\ndescription: A given skill of godwit.\n---\nA bird.',
  };
  const traces = () => readdirSync(at('traces'));
  const sentFor = async (prompt: string) => {
    expect(await agent.run(`[[bash:echo env=$PLANTED]] ${prompt}`)).toMatchObject({ success: true });
    return JSON.stringify(api.messages().filter((request) => request.prompt.includes(prompt)));
  };

  beforeAll(async () => {
    api = await startAnthropicDouble();
    // A process that is started ahead during a run may read what the run is writing: see SECURITY.md.
    agent = realAgent(api, { AGENT_WARM_START: 'off' });
    mkdirSync(at('traces'));
    writeIn(at('seed'), seed);
    writeIn(
      at('evil'),
      planted((name) => at('traces', name)),
    );
    agent.env['AGENT_SESSION_DIR'] = at('seed');
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it('is gone before the next one, and the files of the seed are restored', async () => {
    const living = at('state/claude');
    const { success } = await agent.run(planting(at('evil'), living));
    expect(success).toBe(true);
    const sent = await sentFor('after that');
    expect(wordsIn(sent)).toEqual(['avocet', 'godwit']);
    expect(traces()).toEqual([]);
    for (const [name, content] of Object.entries(seed))
      expect(readFileSync(path.join(living, name), 'utf8')).toBe(content);
  });

  it('is gone after a restart with the same seed, whether the agent was stopped or killed', async () => {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await agent.run(planting(at('evil'), at('state/claude')));
      await agent.end(signal);
      await agent.start();
      expect(wordsIn(await sentFor(`after ${signal}`))).toEqual(['avocet', 'godwit']);
    }
    expect(traces()).toEqual([]);
  });

  it('is not in the memory of other conversations, while conversations continue', async () => {
    const { sessionId } = await agent.run('remember the word lighthouse');
    const [project = ''] = readdirSync(at('state/claude/projects'));
    writeIn(at('memory'), { 'MEMORY.md': 'A word to remember: planted-curlew.' });
    await agent.run(planting(at('memory'), at('state/claude/projects', project, 'memory')));
    expect(wordsIn(await sentFor('whatever'))).toEqual(['avocet', 'godwit']);
    expect(await agent.run('go on', { sessionId })).toMatchObject({ success: true, sessionId });
    expect(wordsIn(JSON.stringify(api.messages().at(-1)?.body))).toContain('lighthouse');
  });

  it('does not change the machine id that the API sees of other runs', () => {
    // The CLI of the hostile run itself may read the file that it has just replaced.
    const others = api.messages().filter(({ prompt }) => !prompt.endsWith('plant'));
    expect(others.length).toBeGreaterThan(4);
    const machines = new Set(
      others.map(({ body }) => {
        const { metadata } = body as { metadata: { user_id: string } };
        return (JSON.parse(metadata.user_id) as { device_id: string }).device_id;
      }),
    );
    expect(machines.size).toBe(1);
  });
});

describe('what a prompt writes into the home folder of the pod', () => {
  it('is gone before the next one, in a mode without a session', async () => {
    await using api = await startAnthropicDouble();
    await using agent = realAgent(api, { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test' });
    const home = path.join(agent.stateDir, 'home');
    agent.env['HOME'] = home;
    const trace = (name: string) => path.join(agent.folder, `trace-${name}`);
    writeIn(path.join(agent.folder, 'evil'), {
      ...Object.fromEntries(Object.entries(planted(trace)).map(([name, content]) => [`.claude/${name}`, content])),
      '.claude.json': JSON.stringify({ env: { PLANTED: 'planted-heron' } }),
      '.claude/.credentials.json': loginFile('planted-token'),
      '.bashrc': 'export PLANTED=planted-rc\n',
      '.bash_profile': 'export PLANTED=planted-profile\n',
      '.gitconfig': '[alias]\n\tstatus = !echo planted-git\n',
    });
    await agent.start();
    const { sessionId } = await agent.run('remember the word lighthouse');
    await agent.run(planting(path.join(agent.folder, 'evil'), home));
    expect(await agent.run('[[bash:echo env=$PLANTED; ls -A ~]] look', { sessionId })).toMatchObject({ success: true });
    const sent = JSON.stringify(api.messages().filter(({ prompt }) => prompt.includes('look')));
    expect(wordsIn(sent)).toEqual(['lighthouse']);
    expect(readdirSync(agent.folder).filter((name) => name.startsWith('trace-'))).toEqual([]);
  });

  it('stays if the home folder belongs to a person', async () => {
    await using api = await startAnthropicDouble();
    await using agent = realAgent(api, { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test' });
    const own = { '.claude/settings.json': '{"model":"opus"}', '.claude/CLAUDE.md': 'Mine.', '.bashrc': '# mine\n' };
    writeIn(path.join(agent.folder, 'home'), own);
    await agent.start();
    await agent.run('[[bash:echo more >> ~/.claude/CLAUDE.md]] write');
    await agent.run('again');
    for (const [name, content] of Object.entries(own)) {
      expect(readFileSync(path.join(agent.folder, 'home', name), 'utf8')).toMatch(new RegExp(`^${content.trim()}`));
    }
    expect(readFileSync(path.join(agent.folder, 'home/.claude/CLAUDE.md'), 'utf8')).toContain('more');
  });
});

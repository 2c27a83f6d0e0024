import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy, type OauthProxy } from '../../doubles/oauth-proxy/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const HOUR = 3_600_000;
const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };

/** The agent with the pinned CLI and the double of the API. It has a seed with memory and settings. */
function realAgent(
  api: AnthropicDouble,
  env: Record<string, string> = {},
  login = { expiresAt: Date.now() + 8 * HOUR },
) {
  const agent = new Agent({ env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url, ...env } });
  const seed = path.join(agent.folder, 'seed');
  mkdirSync(seed);
  writeFileSync(
    path.join(seed, '.credentials.json'),
    JSON.stringify({ claudeAiOauth: { ...FIRST, scopes: ['user:inference', 'user:profile'], ...login } }),
  );
  writeFileSync(path.join(seed, 'CLAUDE.md'), 'The word that the operator gave is avocet.');
  writeFileSync(path.join(seed, 'settings.json'), '{"includeCoAuthoredBy":false}');
  agent.env['AGENT_SESSION_DIR'] = seed;
  return agent;
}

/** A command that waits until a file exists. */
const waitFor = (file: string) => `until [ -e ${file} ]; do sleep 0.1; done`;
const lastSent = (api: AnthropicDouble) => JSON.stringify(api.messages().at(-1)?.body);

/** The login was renewed once, and is the agent's own after a restart, too. */
async function expectRenewedOnce(agent: Agent, api: AnthropicDouble, proxy: OauthProxy): Promise<void> {
  expect(proxy.refreshes).toEqual([{ refreshToken: FIRST.refreshToken, outcome: 'rotated' }]);
  await agent.end('SIGTERM');
  await agent.start();
  expect(await agent.run('after that')).toMatchObject({ success: true });
  expect(api.messages().at(-1)?.credential.value).toBe(proxy.current.accessToken);
  expect(agent.lines.join('\n')).not.toContain('changed without a renewal');
}

/** The agent may remove a folder while it is listed. */
function transcriptsIn(folder: string, attempts = 10): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempts === 1) throw error;
    return transcriptsIn(folder, attempts - 1);
  }
}

describe('a conversation', () => {
  it('of a run that is killed is saved up to the last seconds, and continues in another folder', async () => {
    await using api = await startAnthropicDouble();
    await using agent = realAgent(api);
    await agent.start();
    const { sessionId } = await agent.run('remember the word lighthouse');
    const going = agent.run('[[bash:tail -f /dev/null]] and the birds', { sessionId }).catch(() => 'cut');
    const store = path.join(agent.stateDir, 'conversations', sessionId, `${sessionId}.jsonl`);
    await until(() => existsSync(store) && readFileSync(store, 'utf8').includes('and the birds'), 'it is saved');
    await Promise.all([agent.end('SIGKILL'), going]);
    rmSync(path.join(agent.stateDir, 'claude/projects'), { recursive: true });
    await agent.start();
    const workdir = path.join(agent.workspaceDir, 'elsewhere');
    mkdirSync(workdir);
    expect(await agent.run('go on', { sessionId, workdir })).toMatchObject({ success: true, sessionId });
    expect(lastSent(api)).toContain('lighthouse');
    expect(lastSent(api)).toContain('and the birds');
  });

  it('is the only one in the configuration folder of its process where the credential is no file', async () => {
    await using api = await startAnthropicDouble();
    const mode = { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test', AGENT_RUNNERS: 'local:2' };
    await using agent = realAgent(api, mode);
    await agent.start();
    const { sessionId } = await agent.run('remember the word lighthouse');
    const met = path.join(agent.folder, 'met');
    const plant = 'echo planted > $CLAUDE_CONFIG_DIR/CLAUDE.md; ls -R $CLAUDE_CONFIG_DIR/projects';
    const [first, second] = await Promise.all([
      agent.run(`[[bash:${plant}; ${waitFor(met)}]] first`, { sessionId }),
      agent.run(`[[bash:${plant}; touch ${met}]] second`),
    ]);
    for (const { output, sessionId: own } of [first, second])
      expect([...new Set(output.match(/[0-9a-f-]{36}(?=\.jsonl)/g))]).toEqual([own]);
    expect(await agent.run('[[bash:ls $CLAUDE_CONFIG_DIR]] look', { sessionId })).toMatchObject({ success: true });
    expect(lastSent(api)).toContain('lighthouse');
    expect(lastSent(api)).toContain('avocet');
    expect(lastSent(api)).not.toContain('planted-');
    await agent.end('SIGTERM');
    expect(readdirSync(path.join(agent.stateDir, 'configurations'))).toEqual([]);
    expect(transcriptsIn(path.join(agent.stateDir, 'conversations'))).toHaveLength(2);
    expect(new Set(api.messages().map(({ body }) => deviceOf(body))).size).toBe(1);
  });
});

describe.each([
  ['session', {}],
  ['apiKey', { ANTHROPIC_API_KEY: 'sk-ant-api03-test' }],
])('a conversation that waits in the queue in mode %s', (mode, env) => {
  it('is continued by the process that was started ahead, and is left as it was by one that is not used', async () => {
    await using api = await startAnthropicDouble();
    await using agent = realAgent(api, { ...env, AGENT_AUTH_MODE: mode, AGENT_WARM_START: 'on' });
    await agent.start();
    const { sessionId } = await agent.run('remember the word lighthouse');
    await until(() => agent.isIdle());
    const kept = path.join(agent.stateDir, 'conversations', sessionId, `${sessionId}.jsonl`);
    const before = readFileSync(kept, 'utf8');
    const over = path.join(agent.folder, 'over');
    const held = agent.run(`[[bash:${waitFor(over)}]] held`);
    await until(() => api.messages().some(({ prompt }) => prompt.includes('held')));
    const first = await agent.submit('never', { sessionId });
    // The CLI touches the file when it has read it.
    await until(() => changesOf(agent.stateDir, kept).length === 1, 'a process that continues it');
    await agent.fetch(`/runs/${first}`, { method: 'DELETE' });
    await until(() => copiesOf(agent.stateDir, kept).length === 0, 'it is gone');
    expect(readFileSync(kept, 'utf8')).toBe(before);
    const second = agent.run('go on', { sessionId });
    await until(() => changesOf(agent.stateDir, kept).length === 1, 'another one');
    writeFileSync(over, '');
    expect(await held).toMatchObject({ success: true });
    expect(await second).toMatchObject({ success: true, sessionId });
    expect(lastSent(api)).toContain('lighthouse');
    expect(await (await agent.fetch('/metrics')).text()).toContain('warm_starts_total{result="hit"} 3');
    await until(() => agent.isIdle());
    expect(readFileSync(kept, 'utf8')).toContain('go on');
  });
});

/** The copies of a conversation in configuration folders. */
const copiesOf = (stateDir: string, kept: string) =>
  transcriptsIn(stateDir)
    .map((name) => path.join(stateDir, name))
    .filter((file) => path.basename(file) === path.basename(kept) && file !== kept && existsSync(file));
const changesOf = (stateDir: string, kept: string) =>
  copiesOf(stateDir, kept).filter(
    (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > statSync(kept).mtimeMs,
  );

function deviceOf(body: unknown): string {
  const { metadata } = body as { metadata: { user_id: string } };
  return (JSON.parse(metadata.user_id) as { device_id: string }).device_id;
}

describe('four runs at once in mode session', () => {
  it.each<[string, number, string[] | undefined]>([
    ['is about to expire', Date.now() + 60_000, undefined],
    ['is refused', Date.now() + 8 * HOUR, ['nothing']],
  ])('renew a login that %s once, and it stays', async (_, expiresAt, accept) => {
    await using api = await startAnthropicDouble(accept && { accept });
    await using proxy = await startOauthProxy({
      tokens: FIRST,
      onRotated: ({ accessToken }) => {
        if (accept) api.configure({ accept: [accessToken] });
      },
    });
    await using agent = realAgent(api, { ...proxy.env, AGENT_RUNNERS: 'local:4' }, { expiresAt });
    await agent.start();
    const met = path.join(agent.folder, 'met');
    mkdirSync(met);
    const all = `touch ${met}/$$; until [ $(ls ${met} | wc -l) -ge 4 ]; do sleep 0.1; done`;
    const answers = await Promise.all([1, 2, 3, 4].map((run) => agent.run(`[[bash:${all}]] run ${run}`)));
    expect(answers.map(({ success }) => success)).toEqual([true, true, true, true]);
    await expectRenewedOnce(agent, api, proxy);
  });
});

it('a login check beside a run renews a refused login, which the run then uses', async () => {
  await using api = await startAnthropicDouble();
  await using proxy = await startOauthProxy({
    tokens: FIRST,
    onRotated: ({ accessToken }) => api.configure({ accept: [accessToken] }),
  });
  await using agent = realAgent(api, proxy.env);
  await agent.start();
  const over = path.join(agent.folder, 'over');
  const run = agent.run(`[[bash:${waitFor(over)}]] long`);
  await until(() => api.messages().some(({ prompt }) => prompt.includes('long')), 'the run is at work');
  api.configure({ accept: ['sk-ant-oat01-none'] });
  const check = await agent.fetch('/auth/check', { method: 'POST' });
  expect(await check.json()).toMatchObject({ state: 'ok', evidence: 'probe' });
  writeFileSync(over, '');
  expect(await run).toMatchObject({ success: true });
  await expectRenewedOnce(agent, api, proxy);
});

it('what a run changed is put back when it ends, while another one goes on and can use its tools', async () => {
  await using api = await startAnthropicDouble();
  await using agent = realAgent(api, { AGENT_RUNNERS: 'local:2' });
  await agent.start();
  const at = (name: string) => path.join(agent.folder, name);
  const living = path.join(agent.stateDir, 'claude');
  const long = agent.run(`[[bash:touch ${at('began')}; ${waitFor(at('over'))}]] [[bash:echo still-here]] long`);
  await until(() => existsSync(at('began')), 'the long run has begun');
  const plant = 'echo planted > CLAUDE.md; echo {} > settings.json; mkdir -p rules; echo planted > rules/r.md';
  expect(await agent.run(`[[bash:cd ${living}; ${plant}]] plant`)).toMatchObject({ success: true });
  await until(() => readFileSync(path.join(living, 'CLAUDE.md'), 'utf8').includes('avocet'), 'it is restored');
  expect(readFileSync(path.join(living, 'settings.json'), 'utf8')).toContain('includeCoAuthoredBy');
  expect(existsSync(path.join(living, 'rules'))).toBe(false);
  writeFileSync(at('over'), '');
  expect(await long).toMatchObject({ success: true });
  expect(lastSent(api)).toContain('still-here');
});

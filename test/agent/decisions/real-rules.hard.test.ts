import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { contentOf, DecidedAgent, inside } from './deciding.ts';

const MCP_DOUBLE = path.join(import.meta.dirname, '../../doubles/mcp/main.ts');

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const bash = (...commands: readonly string[]) => `${commands.map((command) => `[[bash:${command}]]`).join(' ')} x`;
const tool = (name: string, input: object) => `[[tool:${name} ${JSON.stringify(input)}]]`;

describe('an agent whose runs may do everything', () => {
  let agent: DecidedAgent;
  beforeAll(async () => {
    agent = new DecidedAgent(api);
    const server = { command: process.execPath, args: [MCP_DOUBLE] };
    writeFileSync(path.join(agent.folder, 'mcp.json'), JSON.stringify({ mcpServers: { double: server } }));
    agent.env['AGENT_MCP_CONFIG'] = path.join(agent.folder, 'mcp.json');
    agent.give({ env: { GIVEN: 'kept' }, permissions: { deny: ['Read(//etc/shadow)'] } });
    const home = path.join(agent.folder, 'home/.claude');
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, 'settings.json'), '{}');
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('asks about two calls in one message, each for itself, with the settings of all runs', async () => {
    const [first, second] = [agent.file('first'), agent.file('second')];
    const id = await agent.submit(`[[together]] ${bash(`echo $GIVEN > ${first}`, `touch ${second}`)}`, {
      approve: ['Bash'],
    });
    await agent.next(id, { allow: true });
    const denied = await agent.next(id, { allow: false });
    expect(await agent.ended(id)).toMatchObject({
      outcome: 'succeeded',
      decisions: [{ allowed: true }, { id: denied.id, allowed: false }],
    });
    expect(contentOf(first)).toBe('kept\n');
    expect(contentOf(second)).toBeUndefined();
  });

  it('has two decisions open at once, where the CLI asks at once, and takes them in any order', async () => {
    const files = ['one', 'two'].map((name) => agent.file(`${name}.txt`));
    for (const file of files) writeFileSync(file, path.basename(file));
    const prompt = `[[together]] ${files.map((file_path) => tool('Read', { file_path })).join(' ')} x`;
    const id = await agent.submit(prompt, { approve: ['Read'] });
    const [one, two] = await agent.asked(id, 2);
    expect((await agent.decide(id, two?.id ?? '', { allow: true })).status).toBe(200);
    expect(await agent.get(id)).toMatchObject({ state: 'waiting' });
    expect((await agent.decide(id, one?.id ?? '', { allow: false, message: 'not this' })).status).toBe(200);
    const { output } = await agent.ended(id);
    expect(output).toContain('not this');
    expect(output).toContain('two.txt');
  });

  it('does not let Claude have commands run by its settings instead', async () => {
    const hooked = agent.file('hooked');
    const hook = { matcher: '', hooks: [{ type: 'command', command: `touch ${hooked}` }] };
    const content = JSON.stringify({ hooks: { PreToolUse: [hook], Stop: [{ hooks: hook.hooks }] } });
    const file_path = path.join(agent.folder, 'home/.claude/settings.json');
    const id = await agent.submit(`${tool('Write', { file_path, content })} ${tool('Bash', { command: 'ls' })} x`, {
      approve: ['Bash'],
    });
    await agent.next(id, { allow: false });
    await agent.ended(id);
    expect(contentOf(file_path)).toBe('{}');
    expect(contentOf(hooked)).toBeUndefined();
  });

  it('does not check a changed input again, so the agent refuses one where a rule with a pattern denies', async () => {
    const id = await agent.submit(bash('echo asked'), { approve: ['Bash'] });
    const [decision] = await agent.asked(id);
    const changed = await agent.decide(id, decision?.id ?? '', { allow: true, input: { command: 'echo changed' } });
    expect(changed.status).toBe(400);
    expect(JSON.stringify(await changed.json())).toContain('Read(//etc/shadow)');
    await agent.next(id, { allow: true });
    expect(await agent.ended(id)).toMatchObject({ output: 'tool: asked' });
  });

  it.each([
    'touch $F',
    'sh -c "touch $F"',
    'eval touch $F',
    'python3 -c "open(\\"$F\\", \\"w\\")"',
    'echo "touch $F" > s.sh; sh s.sh',
    ': > $F',
    'cat /dev/null | tee $F',
    'ls',
    'find . -maxdepth 0 -exec touch $F \\;',
  ])('asks before "%s", whatever its spelling', async (command) => {
    const file = agent.file('spelled');
    const id = await agent.submit(bash(command.replaceAll('$F', file)), { approve: ['Bash'] });
    await agent.next(id, { allow: false });
    expect(await agent.ended(id)).toMatchObject({ decisions: [{ tool: 'Bash', allowed: false }] });
    expect(contentOf(file)).toBeUndefined();
  });

  it.each([
    ['mcp__double__repeat', { text: 'said' }, 'tool: said'],
    ['Write', { file_path: 'written', content: 'x' }, 'tool: File created successfully at: written'],
  ] as const)('asks before %s, and uses it when a person allows that', async (name, input, output) => {
    for (const allow of [false, true]) {
      const id = await agent.submit(`${tool(name, input)} x`, { approve: [name] });
      await agent.next(id, { allow });
      const ended = await agent.ended(id);
      expect(ended).toMatchObject({ outcome: 'succeeded', decisions: [{ tool: name, allowed: allow }] });
      if (allow) expect(ended.output).toContain(output);
      else expect(ended.output).not.toContain(output);
    }
  });

  it('asks before WebFetch, and fetches nothing when a person denies it', async () => {
    const url = `${api.url}/page-to-fetch`;
    const id = await agent.submit(`${tool('WebFetch', { url, prompt: 'read it' })} x`, { approve: ['WebFetch'] });
    await agent.next(id, { allow: false });
    expect(await agent.ended(id)).toMatchObject({ decisions: [{ tool: 'WebFetch', allowed: false }] });
    expect(api.requests.map((request) => request.path)).not.toContain('/page-to-fetch');
  });

  it('asks in a sub-agent, and not for its questions', async () => {
    const question = { questions: [{ question: 'Q?', header: 'Q', options: [], multiSelect: false }] };
    const prompt = `[[tool:AskUserQuestion ${JSON.stringify(question)}]] sub`;
    const task = { description: 'd', prompt, subagent_type: 'general-purpose' };
    const id = await agent.submit(`[[tool:Agent ${inside(JSON.stringify(task))}]] x`, { askQuestions: true });
    expect((await agent.ended(id)).decisions).toBeUndefined();
  });
});

describe('an agent without settings for all runs', () => {
  let agent: DecidedAgent;
  beforeAll(async () => {
    agent = new DecidedAgent(api);
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('runs what a person put in the place of the input', async () => {
    const id = await agent.submit(bash('echo asked'), { approve: ['Bash'] });
    await agent.next(id, { allow: true, input: { command: 'echo changed' } });
    expect(await agent.ended(id)).toMatchObject({
      output: 'tool: changed',
      decisions: [{ input: { command: 'echo asked' }, changedInput: { command: 'echo changed' }, allowed: true }],
    });
  });

  const SPELLINGS = [
    'rm $F',
    '\\rm $F',
    '/bin/rm $F',
    'command rm $F',
    'env rm $F',
    'A=1 rm $F',
    '"rm" $F',
    "r''m $F",
    'true && rm $F',
    'rm $F | cat',
    'echo $F | xargs rm',
    '$(echo rm) $F',
    'x=rm; $x $F',
    '(rm $F)',
    'for i in $F; do rm $i; done',
    'timeout 5 rm $F',
    'eval rm $F',
    'sh -c "rm $F"',
    'find . -name kept -delete',
    'python3 -c "import os; os.remove(\\"$F\\")"',
  ];

  it.each(['acceptEdits', 'default'] as const)(
    'in %s, a pattern is asked about or denied, whatever the spelling',
    async (permissionMode) => {
      const file = agent.file('kept');
      writeFileSync(file, '');
      const commands = SPELLINGS.map((command) => command.replaceAll('$F', file));
      const id = await agent.submit(bash(...commands), { permissionMode, approve: ['Bash(rm *)'] });
      for (let asked = 0; asked <= commands.length; asked += 1) {
        const open = await agent.askedOrEnded(id);
        if (open.length === 0) break;
        for (const { id: decisionId } of open) await agent.decide(id, decisionId, { allow: false });
      }
      const { decisions = [], permissionDenials } = (await agent.ended(id)) as never as {
        decisions?: unknown[];
        permissionDenials: unknown[];
      };
      expect(decisions.length).toBeGreaterThan(0);
      expect(permissionDenials).toHaveLength(commands.length);
      expect(contentOf(file)).toBe('');
    },
  );
});

describe('an agent with rules for all runs', () => {
  let agent: DecidedAgent;
  beforeAll(async () => {
    agent = new DecidedAgent(api, { AGENT_APPROVE: 'Bash' });
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('denies in POST /run what only a person could allow, and asks in POST /runs', async () => {
    const file = agent.file('made');
    const answer = await agent.run(bash(`touch ${file}`));
    expect(answer).toMatchObject({ success: true, permissionDenials: [{ toolName: 'Bash' }] });
    expect(answer.output).toContain('cannot be asked in this run');
    expect(contentOf(file)).toBeUndefined();
    const id = await agent.submit(bash(`touch ${file}`), { approve: ['WebFetch'] });
    await agent.next(id, { allow: true });
    expect(await agent.ended(id)).toMatchObject({ outcome: 'succeeded' });
    expect(contentOf(file)).toBe('');
  });
});

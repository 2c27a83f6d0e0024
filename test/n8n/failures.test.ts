import { describe, expect, it, vi } from 'vitest';
import { missingN8n } from '../support/n8n-home.ts';
import { TOKEN, until } from '../support/agent.ts';
import { closedPort } from '../support/closed-port.ts';
import { outputOf, runsOf } from './author.ts';
import { endOf } from './end-of.ts';
import { Site } from './site.ts';
import type { WorkflowNode } from './workflow-file.ts';
import { needs } from '../support/needs.ts';

// Most of the time all of them wait for n8n's next try.
vi.setConfig({ maxConcurrency: 7 });

const HANG = [{ do: 'hang' }] as const;
const LOGIN = [{ do: 'refuse', kind: 'authentication_failed', status: 401, text: 'Invalid token' }] as const;
const DOWN = [{ do: 'refuse', kind: 'server_error', status: 529, text: 'Overloaded' }] as const;
const GO_ON = 'You were interrupted. Check what is already done, and continue.';

/** Gives the runs of a workflow this time. */
const withTimeout = (ms: number) => (node: WorkflowNode) =>
  ({
    ...node,
    parameters: JSON.parse(
      JSON.stringify(node.parameters).replace('timeout: 300000', `timeout: ${ms}`),
    ) as WorkflowNode['parameters'],
  }) satisfies WorkflowNode;

/** Waits until Claude has begun with so many prompts. */
const begun = (site: Site, count: number) => until(() => site.agent.claude.begun().length >= count, `${count} begun`);

/** Fills an agent with a queue of one: a run that goes on and one that waits. Returns what ends them. */
async function fill(site: Site): Promise<() => Promise<void>> {
  const send = async () => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await site.agent.fetch('/runs', {
      method: 'POST',
      headers,
      body: JSON.stringify({ prompt: 'hang' }),
    });
    return ((await answer.json()) as { id: string }).id;
  };
  const running = await send();
  await begun(site, 1);
  const waiting = await send();
  return async () => {
    for (const id of [waiting, running]) await site.agent.fetch(`/runs/${id}`, { method: 'DELETE' });
  };
}

const pause = (site: Site) =>
  site.agent.fetch('/pause', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"reason":"maintenance"}',
  });

describe('what goes wrong', { concurrent: true, ...needs(missingN8n) }, () => {
  it('a full queue: Ask Claude tries five times and ends with the reason', async () => {
    await using site = await Site.scripted({ hang: HANG }, { AGENT_QUEUE_LIMIT: '1' });
    await fill(site);
    const execution = await (await site.author.make('ask-claude', site.input)).execute();
    expect(endOf(execution)).toEqual({
      status: 'error',
      node: 'Ask Claude',
      message: 'The service is receiving too many requests from you',
      description:
        'Queue full: The queue is full: 1 run(s) are waiting, which is the limit. The run was not accepted. Try again later.',
    });
    expect(site.relay.answered).toEqual(Array(5).fill({ request: 'POST /run', status: 429 }));
    expect(JSON.stringify(execution)).not.toContain(TOKEN);
  });

  it('a full queue that empties in time: Ask Claude is let in', async () => {
    await using site = await Site.scripted({ hang: HANG }, { AGENT_QUEUE_LIMIT: '1' });
    const empty = await fill(site);
    const workflow = await site.author.make('ask-claude', site.input);
    const id = await workflow.start();
    await site.relay.saw(429);
    await empty();
    expect(endOf(await workflow.ended(id))).toEqual({ status: 'success', node: 'Answer' });
  });

  it('a full queue: Batch waits as long as it is told, and loses no item', async () => {
    await using site = await Site.scripted({ hang: HANG }, { AGENT_QUEUE_LIMIT: '1' });
    const empty = await fill(site);
    const workflow = await site.author.make('batch', site.input);
    const id = await workflow.start();
    await site.relay.saw(429);
    await empty();
    const execution = await workflow.ended(id);
    expect(outputOf(execution, 'Results')).toMatchObject([{ id: '1' }, { id: '2' }, { id: '3' }]);
    expect(runsOf(execution, 'Back off')).toBe(1);
    expect(site.relay.answered.map(({ status }) => status)).toEqual([429, 200, 200, 200]);
    expect(JSON.stringify(execution)).not.toContain(TOKEN);
  });

  it('a paused agent: Ask Claude and Ask Claude, long end with since when and why', async () => {
    await using site = await Site.scripted();
    await pause(site);
    const make = (file: string) => site.author.make(file, site.input).then((workflow) => workflow.execute());
    const [short, long] = await Promise.all([make('ask-claude'), make('ask-claude-long')]);
    const paused = {
      status: 'error',
      message: expect.stringContaining('Service unavailable') as string,
      description: expect.stringMatching(
        /^Paused: The agent has been paused since .* \(maintenance\)\. The run was not accepted\.$/,
      ) as string,
    };
    expect(endOf(short)).toEqual({ ...paused, node: 'Ask Claude' });
    expect(endOf(long)).toEqual({ ...paused, node: 'Send' });
    expect(site.agent.claude.begun()).toEqual([]);
  });

  it('a paused agent that goes on in time: Batch has waited for it', async () => {
    await using site = await Site.scripted();
    await pause(site);
    const impatient = (node: WorkflowNode) =>
      node.name === 'Back off' ? { ...node, parameters: { amount: 1 } } : node;
    const workflow = await site.author.make('batch', site.input, impatient);
    const id = await workflow.start();
    await site.relay.saw(503, 2);
    await site.agent.fetch('/resume', { method: 'POST' });
    expect(endOf(await workflow.ended(id))).toEqual({ status: 'success', node: 'Results' });
  });

  it('a wrong token: every workflow ends with what the agent says of it, and shows no token', async () => {
    await using site = await Site.scripted();
    await site.author.credential('Bearer not-the-token');
    const make = (file: string) => site.author.make(file, site.input).then((workflow) => workflow.execute());
    const [short, batch] = await Promise.all([make('ask-claude'), make('batch')]);
    const says = 'Unauthorized: The token does not give access to this path.';
    expect(endOf(short)).toEqual({
      status: 'error',
      node: 'Ask Claude',
      message: 'Authorization failed - please check your credentials',
      description: says,
    });
    expect(endOf(batch)).toEqual({
      status: 'error',
      node: 'Refused',
      message: `The agent refused item 1 (401). ${says}`,
    });
    expect(JSON.stringify([short, batch])).not.toContain('not-the-token');
  });

  it('a failed login: the workflow says that nobody has to do anything here, and asks once', async () => {
    await using site = await Site.scripted({ login: LOGIN, 'Name a river.': LOGIN });
    const short = await (await site.author.make('ask-claude', { ...site.input, prompt: 'login' })).execute();
    expect(endOf(short)).toMatchObject({
      status: 'error',
      node: 'Login needed',
      message: expect.stringContaining('Claude needs a login (Invalid token)') as string,
    });
    expect(site.agent.claude.begun()).toEqual(['login']);
    const batch = await (await site.author.make('batch', site.input)).execute();
    expect(endOf(batch)).toMatchObject({
      node: 'Cannot be answered',
      message: 'Claude: auth_failed at item 2. Invalid token',
    });
    expect(site.agent.claude.begun()).toEqual(['login', 'Name a colour.', 'Name a river.']);
  });

  it('Claude is down: Ask Claude asks three times, each a run of its own; Batch goes on with the next item', async () => {
    await using site = await Site.scripted({ down: DOWN, 'Name a river.': DOWN });
    const edit = { ...site.input, prompt: 'down', waitSeconds: 1 };
    const short = await (await site.author.make('ask-claude', edit)).execute();
    expect(endOf(short)).toMatchObject({
      status: 'error',
      node: 'Failed',
      message: expect.stringMatching(/^Claude: unavailable in run .+\. Overloaded$/) as string,
    });
    expect(site.agent.claude.begun()).toEqual(['down', 'down', 'down']);
    const batch = await (await site.author.make('batch', site.input)).execute();
    expect(outputOf(batch, 'Results')).toMatchObject([
      { outcome: 'succeeded' },
      { outcome: 'unavailable', error: 'Overloaded' },
      { outcome: 'succeeded' },
    ]);
  });

  it('the time is up: Ask Claude goes on with what there was', async () => {
    const slow = [{ do: 'stream', deltas: ['Half', ' an', ' answer'], every: 1 }, { do: 'hang' }] as const;
    await using site = await Site.scripted({ slow });
    const edit = { ...site.input, prompt: 'slow' };
    const execution = await (await site.author.make('ask-claude', edit, withTimeout(3000))).execute();
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Partial answer' });
    expect(outputOf(execution, 'Partial answer')).toMatchObject([{ answer: 'Half an answer' }]);
  });

  it('the agent is killed in mid-run: the repeated request finds its own run, interrupted, and starts none', async () => {
    await using site = await Site.scripted({ hang: HANG });
    const workflow = await site.author.make('ask-claude', { ...site.input, prompt: 'hang' });
    const id = await workflow.start();
    await begun(site, 1);
    await site.agent.crash();
    const execution = await workflow.ended(id);
    expect(endOf(execution)).toMatchObject({
      node: 'Failed',
      message: expect.stringMatching(/^Claude: interrupted in run /) as string,
    });
    expect(site.agent.claude.begun()).toEqual(['hang']);
    expect(site.relay.answered.at(-1)).toEqual({ request: 'POST /run', status: 200 });
  });

  it('the agent is killed in mid-run: Ask Claude, long is told so and goes on in the same conversation', async () => {
    await using site = await Site.scripted({ hang: HANG });
    const workflow = await site.author.make('ask-claude-long', { ...site.input, prompt: 'hang' });
    const id = await workflow.start();
    await begun(site, 1);
    await workflow.is(id, 'waiting');
    await site.agent.crash();
    const execution = await workflow.ended(id);
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Answer' });
    expect(outputOf(execution, 'Answer')).toMatchObject([{ answer: `echo: ${GO_ON}` }]);
    expect(outputOf(execution, 'Continue')).toMatchObject([
      { sessionId: outputOf(execution, 'Answer')[0]?.['sessionId'] },
    ]);
    expect(site.agent.claude.begun()).toEqual(['hang', GO_ON]);
  });

  it('a URL that leads nowhere, a credential that is missing, a request that n8n gives up: as the docs name them', async () => {
    await using site = await Site.scripted({ hang: HANG });
    const make = async (input: object, edit?: (node: WorkflowNode) => WorkflowNode) =>
      endOf(await (await site.author.make('ask-claude', { ...site.input, ...input }, edit)).execute());
    const once = (change: object) => (node: WorkflowNode) =>
      node.name === 'Ask Claude' ? ({ ...node, retryOnFail: false, ...change } as WorkflowNode) : node;
    const ends = await Promise.all([
      make({ agentUrl: await closedPort() }, once({})),
      make({ agentUrl: site.n8n.url }, once({})),
      make({ agentUrl: 'http://claude-agent.invalid' }, once({})),
      make({ prompt: ' ' }, once({})),
      make({}, once({ credentials: undefined })),
    ]);
    expect(ends.map(({ message }) => message)).toEqual([
      'The service refused the connection - perhaps it is offline',
      'The resource you are requesting could not be found',
      expect.stringMatching(/^The (connection cannot be established|DNS server returned an error)/) as string,
      'Bad request - please check your parameters',
      'Credentials not found',
    ]);
    const impatient = (node: WorkflowNode) =>
      once({ parameters: { ...node.parameters, options: { timeout: 1000 } } })(node);
    expect(await make({ prompt: 'hang' }, impatient)).toMatchObject({
      message: 'The connection was aborted, perhaps the server is offline',
    });
    expect(await site.agent.health()).toMatchObject({ activeRequests: 1 });
  });

  it('an agent that is not allowed to call back: Ask Claude, long ends with the name of the setting', async () => {
    await using site = await Site.scripted({}, { AGENT_CALLBACK_HOSTS: 'n8n.example.org' });
    const execution = await (await site.author.make('ask-claude-long', site.input)).execute();
    expect(endOf(execution)).toMatchObject({
      node: 'Send',
      message: 'Bad request - please check your parameters',
      description: expect.stringContaining('config callbackHosts') as string,
    });
  });

  it('a conversation that the agent has forgotten begins anew', async () => {
    const gone = [
      {
        do: 'event',
        event: {
          type: 'result',
          subtype: 'error_during_execution',
          is_error: true,
          errors: ['No conversation found with session ID: x'],
          permission_denials: [],
        },
      },
    ] as const;
    await using site = await Site.scripted({ again: gone });
    const workflow = await site.author.make('conversation', { ...site.input, thread: 'forgotten', prompt: 'again' });
    const execution = await workflow.execute();
    expect(runsOf(execution, 'Forget')).toBe(1);
    expect(site.agent.claude.begun()).toEqual(['again', 'again']);
    expect(endOf(execution)).toMatchObject({ node: 'Failed' });
  });

  it('n8n repeats an answer that has an error in it, unless status and headers are included', async () => {
    await using site = await Site.scripted({ login: LOGIN });
    const bare = (node: WorkflowNode) =>
      node.name === 'Ask Claude' ? { ...node, parameters: { ...node.parameters, options: {} } } : node;
    await (await site.author.make('ask-claude', { ...site.input, prompt: 'login' }, bare)).execute();
    expect(site.relay.count(200)).toBe(5);
    expect(site.agent.claude.begun()).toEqual(['login']);
  });

  it('n8n hands the token on with an error that the workflow goes on with', async () => {
    await using site = await Site.scripted();
    await site.author.credential('Bearer not-the-token');
    const goingOn = (node: WorkflowNode): WorkflowNode => {
      if (node.name === 'Ask Claude') return { ...node, retryOnFail: false, onError: 'continueRegularOutput' };
      if (node.name !== 'Run') return node;
      return { ...node, parameters: { ...node.parameters, jsonOutput: '={{ JSON.stringify($json.error) }}' } };
    };
    const execution = await (await site.author.make('ask-claude', site.input, goingOn)).execute();
    expect(JSON.stringify(outputOf(execution, 'Run'))).toContain('Bearer not-the-token');
  });
});

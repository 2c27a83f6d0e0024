import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../agent/contract.ts';
import { TOOL_NAMES } from '../../agent/mcp/names.ts';
import { MAX_WAIT_SECONDS } from '../../agent/mcp/wait.ts';
import { readWorkflow, textOf, workflowFiles, type WorkflowFile, type WorkflowNode } from '../n8n/workflow-file.ts';

/** The error workflow. It does not call the agent, and must stay active while the others are paused. */
const ERROR_WORKFLOW = 'on-error';
const workflows: [file: string, workflow: WorkflowFile][] = workflowFiles.map((file) => [file, readWorkflow(file)]);
const AGENT = 'http://claude-agent.claude-agent.svc';

/** The workflow of an AI Agent that has the agent as a tool, without an HTTP Request. */
const TOOL_WORKFLOW = 'claude-as-a-tool';
const endsIn = (by: WorkflowFile['connections'][string]) => Object.values(by).flatMap((outputs) => outputs.flat());

/** The HTTP Request nodes that call the agent. */
const callsOf = ({ nodes }: WorkflowFile) =>
  nodes.filter(({ parameters }) => parameters['genericAuthType'] === 'httpHeaderAuth');

/** Whether a node is a part of another one, such as the model of an AI Agent. */
const isPartOfAi = (by: WorkflowFile['connections'][string] = {}) =>
  Object.keys(by).some((type) => type.startsWith('ai_'));

type Parameters = WorkflowNode['parameters'];

/** Whether a call gets a file that a run left, which has no fields. */
const getsFile = ({ url, method }: Parameters) =>
  method === undefined && String(url).endsWith('/files/{{ encodeURIComponent($json.name) }}');

/** The JSON of a run, which is the body or, with files besides it, a part of it. */
function requestOf({ contentType, jsonBody, bodyParameters }: Parameters): string {
  if (contentType !== 'multipart-form-data') return String(jsonBody);
  const { parameters } = bodyParameters as { parameters: { name: string; value?: string; parameterType?: string }[] };
  const [request, ...files] = parameters;
  expect(request?.name).toBe('request');
  expect(request?.value).toMatch(/^=\{\{ JSON\.stringify\(/);
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(file).toMatchObject({ name: 'file', parameterType: 'formBinaryData' });
  return String(request?.value);
}

describe('the workflows of docs/n8n', () => {
  it('are complete', () => {
    expect(workflows.map(([, { name }]) => name)).toEqual([
      'Ask a person first',
      'Ask about a file',
      'Ask Claude',
      'Ask Claude, long',
      'Ask Claude, long, by polling',
      'Batch',
      'Claude as a tool',
      'Conversation',
      'Make a file',
      'On error',
      'Structured answer',
      'Work on a repository',
    ]);
  });

  it.each(workflows)('%s contains no data of the n8n instance that exported it', (file, workflow) => {
    expect(Object.keys(workflow).sort()).toEqual(['connections', 'name', 'nodes', 'settings', 'tags']);
    for (const node of workflow.nodes) expect(node).not.toHaveProperty('credentials');
    expect(textOf(file)).not.toMatch(/instanceId|pinData|localhost|127\.0\.0\.1|Bearer [\w-]{8}/);
  });

  it.each(workflows)('%s has unique names and IDs, and connections between existing nodes', (_, workflow) => {
    const { nodes, connections } = workflow;
    const names = nodes.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(names.length);
    const ends = Object.values(connections).flatMap((by) => endsIn(by).map(({ node }) => node));
    expect([...Object.keys(connections), ...ends].filter((name) => !names.includes(name))).toEqual([]);
    const named = [...JSON.stringify(nodes).matchAll(/\$\('([^']+)'\)/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
    const lonely = nodes.filter(
      ({ name, type }) =>
        !/stickyNote|Trigger$|\.webhook$/.test(type) && !ends.includes(name) && !isPartOfAi(connections[name]),
    );
    expect(lonely.map(({ name }) => name)).toEqual([]);
  });

  it.each(workflows)('%s has notes, and they cover no node', (_, { nodes }) => {
    const isNote = ({ type }: { type: string }) => type.endsWith('.stickyNote');
    expect(nodes.filter(isNote).length).toBeGreaterThan(0);
    for (const { name, position, parameters } of nodes.filter(isNote)) {
      const [left, top] = position;
      const [right, bottom] = [left + Number(parameters['width']), top + Number(parameters['height'])];
      const covered = nodes.filter(
        (node) =>
          !isNote(node) &&
          node.position[0] < right &&
          node.position[1] < bottom &&
          node.position[0] + 100 > left &&
          node.position[1] + 100 > top,
      );
      expect(
        covered.map((node) => node.name),
        name,
      ).toEqual([]);
    }
  });

  it.each(workflows)('%s has the tag of the workflows that the watchdog pauses', (_, { tags }) => {
    expect(tags).toEqual([{ id: 'claude-agent', name: 'claude-agent' }]);
  });

  it.each(workflows.filter(([file]) => file !== ERROR_WORKFLOW && file !== TOOL_WORKFLOW))(
    '%s calls the agent with the options that n8n needs',
    (_, workflow) => {
      const calls = callsOf(workflow);
      expect(calls.length).toBeGreaterThan(0);
      const input = workflow.nodes.find(({ name }) => name === 'Input');
      expect(JSON.stringify(input)).toContain(`"name":"agentUrl","value":"${AGENT}"`);
      for (const { name, parameters, retryOnFail, maxTries, waitBetweenTries, ...node } of calls) {
        // n8n treats a response with a field `error` as a failure and repeats the request, unless the response is in `body`.
        const response = getsFile(parameters) ? { responseFormat: 'file' } : { fullResponse: true };
        expect(parameters['options'], name).toMatchObject({ response: { response } });
        expect(parameters['url'], name).toMatch(/^=\{\{ \$\('Input'\)\.(item|first\(\))\.json\.agentUrl \}\}\/runs?/);
        expect({ retryOnFail, maxTries, waitBetweenTries }).toEqual({
          retryOnFail: true,
          maxTries: 5,
          waitBetweenTries: 5000,
        });
        // An error that is passed on to other nodes contains the token.
        expect(node).not.toHaveProperty('onError');
        // Of a decision the first counts, so a repeated request needs no key.
        if (parameters['method'] !== 'POST' || String(parameters['url']).includes('/decisions/')) continue;
        expect(parameters['headerParameters'], name).toMatchObject({
          parameters: [
            {
              name: 'Idempotency-Key',
              value: expect.stringMatching(/^=\{\{ \$workflow\.id \}\}-\{\{ \$execution\.id \}\}-/) as string,
            },
          ],
        });
        const body = requestOf(parameters);
        expect(body, name).toContain(
          'labels: { workflow: $workflow.id, workflowName: $workflow.name, execution: $execution.id }',
        );
        const runTimeout = Number(/timeout: (\d+)/.exec(body)?.[1]);
        const { timeout } = parameters['options'] as { timeout: number };
        if (String(parameters['url']).endsWith('/run')) expect(timeout, name).toBeGreaterThan(runTimeout);
      }
    },
  );

  it('claude-as-a-tool has the tools of the agent, and waits longer than they do', () => {
    const { nodes, connections } = readWorkflow(TOOL_WORKFLOW);
    const input = nodes.find(({ name }) => name === 'Input');
    expect(JSON.stringify(input)).toContain(`"name":"agentUrl","value":"${AGENT}"`);
    const tool = nodes.find(({ type }) => type.endsWith('.mcpClientTool'));
    expect(tool?.parameters).toMatchObject({ endpointUrl: "={{ $('Input').first().json.agentUrl }}/mcp" });
    const { timeout } = tool?.parameters['options'] as { timeout: number };
    expect(timeout).toBeGreaterThan(MAX_WAIT_SECONDS * 1000);
    const names: readonly string[] = TOOL_NAMES;
    const included = tool?.parameters['includeTools'] as string[];
    expect(included.filter((name) => !names.includes(name))).toEqual([]);
    expect(endsIn(connections[tool?.name ?? ''] ?? {})).toEqual([{ node: 'AI Agent', type: 'ai_tool', index: 0 }]);
  });

  it.each(workflows)('%s resumes only by POST if it waits for a webhook', (_, { nodes }) => {
    const sleeping = nodes.filter(({ parameters }) => parameters['resume'] === 'webhook');
    for (const { parameters } of sleeping)
      expect(parameters).toMatchObject({ httpMethod: 'POST', limitWaitTime: true });
    expect(sleeping.length > 0).toBe(JSON.stringify(nodes).includes('$execution.resumeUrl, '));
  });

  it.each(workflows)('%s uses only outcomes that exist', (_, { nodes }) => {
    const text = JSON.stringify(nodes.filter(({ type }) => !type.endsWith('.stickyNote')));
    const named = [...text.matchAll(/'([a-z]+_[a-z]+|interrupted|unavailable)'/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in EXIT_CODES))).toEqual([]);
  });
});

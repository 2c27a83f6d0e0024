import { setTimeout as sleep } from 'node:timers/promises';
import type { RealN8n } from '../support/n8n.ts';
import { TOKEN } from '../support/agent.ts';
import { readWorkflow, type WorkflowNode } from './workflow-file.ts';

/** What an execution of n8n says of itself. */
export interface Execution {
  readonly id: string;
  readonly status: 'success' | 'error' | 'waiting' | 'running' | 'crashed' | 'canceled' | 'new' | 'unknown';
  readonly mode: string;
  /** When it goes on if it sleeps, ISO 8601. */
  readonly waitTill?: string | null;
  readonly data: {
    readonly resultData: {
      readonly runData: Readonly<Record<string, readonly NodeRun[]>>;
      readonly lastNodeExecuted?: string;
      readonly error?: NodeFailure;
    };
  };
}

/** One run of one node. */
interface NodeRun {
  readonly executionStatus: string;
  readonly error?: NodeFailure;
  readonly data?: { readonly main: readonly (readonly Item[] | null)[] };
}

/** What goes from node to node. */
interface Item {
  readonly json: Record<string, unknown>;
  readonly binary?: Readonly<Record<string, BinaryData>>;
}

/** A file in an item. */
export interface BinaryData {
  /** Where n8n has its content: the mode, a colon, and what names it there. */
  readonly id?: string;
  readonly fileName?: string;
  readonly mimeType: string;
}

/** An error as n8n shows it. */
export interface NodeFailure {
  readonly name: string;
  readonly message: string;
  readonly description?: string | null;
  readonly httpCode?: string | null;
}

/** A webhook in the place of the manual trigger, by which a published workflow is started. */
const webhook = (path: string): Partial<WorkflowNode> => ({
  type: 'n8n-nodes-base.webhook',
  typeVersion: 2,
  parameters: { httpMethod: 'POST', path, responseMode: 'onReceived', options: {} },
});

interface Credential {
  readonly id: string;
  readonly name: string;
}

/** An n8n author who imports the workflows, gives them a credential and a URL, and executes them. */
export class Author {
  readonly #n8n: RealN8n;
  readonly #made: string[] = [];
  readonly #credentials: Credential[] = [];
  readonly #mailPort: number;
  #credential: Credential | undefined;
  #mail: Credential | undefined;
  #model: Credential | undefined;

  /** @param mailPort where the mail server of the workflows listens on loopback. */
  constructor(n8n: RealN8n, mailPort = 25) {
    this.#n8n = n8n;
    this.#mailPort = mailPort;
  }

  /**
   * Makes a workflow from a file and edits it as the docs say.
   * @param input fields of the node Input: where the agent is, and what the author wants.
   * @param edit a change to each node after that.
   */
  async make(file: string, input: object, edit = (node: WorkflowNode): WorkflowNode => node): Promise<Workflow> {
    const { name, nodes, connections, settings } = readWorkflow(file);
    const credentials = {
      httpHeaderAuth: await this.#headerAuth(),
      ...(nodes.some(sendsMail) && { smtp: await this.#smtp() }),
      ...(this.#model && { anthropicApi: this.#model }),
    };
    const body = {
      name,
      connections,
      settings,
      nodes: nodes.map((node) => edit(withInput(withCredential(node, credentials), input))),
    };
    const { id } = (await this.#n8n.api('POST', '/workflows', body)) as { id: string };
    this.#made.push(id);
    return new Workflow(this.#n8n, id, nodes);
  }

  /** Makes a workflow that a webhook starts, and publishes it. `edit` changes its other nodes. */
  async publish(
    file: string,
    input: object,
    settings: object = {},
    edit = (node: WorkflowNode): WorkflowNode => node,
  ): Promise<Workflow> {
    const path = `start-${this.#made.length}-${file}`;
    const workflow = await this.make(file, input, (node) =>
      node.type === 'n8n-nodes-base.manualTrigger'
        ? ({ ...node, ...webhook(path), webhookId: path } as WorkflowNode)
        : edit(node),
    );
    const { name, nodes, connections, settings: own } = await this.#definition(workflow.id);
    await this.#n8n.api('PUT', `/workflows/${workflow.id}`, {
      name,
      nodes,
      connections,
      settings: { ...own, ...settings },
    });
    await this.#n8n.api('POST', `/workflows/${workflow.id}/publish`, {});
    return workflow.startedBy(path);
  }

  /** Removes the workflows and credentials that were made: the editor would choose those for every import. */
  async leave(): Promise<void> {
    for (const id of this.#made.splice(0)) await this.#n8n.remove(id);
    for (const { id } of this.#credentials.splice(0)) await this.#n8n.rest('DELETE', `/rest/credentials/${id}`);
    this.#credential = undefined;
    this.#mail = undefined;
    this.#model = undefined;
  }

  async #definition(id: string) {
    return (await this.#n8n.api('GET', `/workflows/${id}`)) as {
      name: string;
      nodes: object[];
      connections: object;
      settings: object;
    };
  }

  async #headerAuth(): Promise<Credential> {
    this.#credential ??= await this.credential(`Bearer ${TOKEN}`);
    return this.#credential;
  }

  /** The credential of a mail server without TLS on loopback, and with no login. */
  async #smtp(): Promise<Credential> {
    const data = { host: '127.0.0.1', port: this.#mailPort, secure: false, disableStartTls: true };
    this.#mail ??= await this.#create('Mail', 'smtp', data);
    return this.#mail;
  }

  /** Takes the API at this URL for the models of all workflows from now on. */
  async useModelAt(url: string): Promise<void> {
    this.#model = await this.#create('Model', 'anthropicApi', { apiKey: 'sk-ant-api03-test', url });
  }

  /** A new Header Auth credential, taken for every workflow from now on. */
  async credential(value: string): Promise<Credential> {
    this.#credential = await this.#create('Claude agent', 'httpHeaderAuth', { name: 'Authorization', value });
    return this.#credential;
  }

  async #create(name: string, type: string, data: object): Promise<Credential> {
    const created = (await this.#n8n.rest('POST', '/rest/credentials', { name, type, data })) as { data: Credential };
    const credential = { id: created.data.id, name: created.data.name };
    this.#credentials.push(credential);
    return credential;
  }

  /** Saves another value in a credential, as in its dialog. The workflows that have it use the value from now on. */
  async change({ id, name }: Credential, value: string): Promise<void> {
    const data = { name: 'Authorization', value };
    await this.#n8n.rest('PATCH', `/rest/credentials/${id}`, { name, type: 'httpHeaderAuth', data });
  }
}

/** A workflow in n8n. */
export class Workflow {
  readonly id: string;
  readonly #n8n: RealN8n;
  readonly #nodes: readonly WorkflowNode[];
  readonly #path: string | undefined;

  constructor(n8n: RealN8n, id: string, nodes: readonly WorkflowNode[], path?: string) {
    this.id = id;
    this.#n8n = n8n;
    this.#nodes = nodes;
    this.#path = path;
  }

  startedBy(path: string): Workflow {
    return new Workflow(this.#n8n, this.id, this.#nodes, path);
  }

  /** Starts it, as a click on "Execute workflow" does or by its webhook, and returns the id of the execution. */
  async start(): Promise<string> {
    if (this.#path === undefined) {
      const name = this.#nodes.find(({ type }) => type.endsWith('Trigger'))?.name;
      const { data } = (await this.#n8n.rest('POST', `/rest/workflows/${this.id}/run`, {
        triggerToStartFrom: { name },
      })) as { data: { executionId: string } };
      return data.executionId;
    }
    const before = await this.executions();
    // n8n registers the webhook some moments after it has published the workflow.
    await eventually(async () => {
      const { ok, status } = await fetch(`${this.#n8n.url}/webhook/${this.#path}`, { method: 'POST' });
      if (!ok && status !== 404) throw new Error(`The webhook answered ${status}.`);
      return ok || undefined;
    }, 'the webhook');
    return eventually(async () => (await this.executions()).find((id) => !before.includes(id)), 'an execution');
  }

  /** Starts it and waits for its end. */
  async execute(): Promise<Execution> {
    return this.ended(await this.start());
  }

  async execution(id: string): Promise<Execution> {
    return (await this.#n8n.api('GET', `/executions/${id}?includeData=true`)) as Execution;
  }

  /** The ids of its executions, newest first. */
  async executions(): Promise<string[]> {
    const { data } = (await this.#n8n.rest(
      'GET',
      `/rest/executions?filter=${encodeURIComponent(JSON.stringify({ workflowId: this.id }))}`,
    )) as { data: { results: { id: string }[] } };
    return data.results.map(({ id }) => id);
  }

  /** Waits until the execution has that status. */
  is(id: string, status: Execution['status']): Promise<Execution> {
    return eventually(async () => {
      const execution = await this.execution(id);
      return execution.status === status ? execution : undefined;
    }, `the status ${status}`);
  }

  /** Waits for the end of an execution. */
  ended(id: string): Promise<Execution> {
    return eventually(async () => {
      const execution = await this.execution(id);
      return ['running', 'waiting', 'new'].includes(execution.status) ? undefined : execution;
    }, 'the end of the execution');
  }
}

/** What a node put out in its last run, on all its outputs. */
export function outputOf(execution: Execution, node: string, run = -1): Record<string, unknown>[] {
  return itemsOf(execution, node, run).map(({ json }) => json);
}

/** The same with its files. */
export function itemsOf(execution: Execution, node: string, run = -1): Item[] {
  const main = execution.data.resultData.runData[node]?.at(run)?.data?.main ?? [];
  return main.flatMap((items) => items ?? []);
}

/** How often a node ran. */
export function runsOf(execution: Execution, node: string): number {
  return execution.data.resultData.runData[node]?.length ?? 0;
}

/** Waits until there is something, by default a minute at most. */
export async function eventually<T>(look: () => Promise<T | undefined>, what: string, patienceMs = 60_000): Promise<T> {
  for (const end = Date.now() + patienceMs; ;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what} did not come in ${patienceMs / 1000} s`);
    await sleep(100);
  }
}

const sendsMail = ({ type }: WorkflowNode): boolean => type.endsWith('.emailSend');

function withCredential(
  node: WorkflowNode,
  { httpHeaderAuth, smtp, anthropicApi }: { httpHeaderAuth: Credential; smtp?: Credential; anthropicApi?: Credential },
) {
  if (sendsMail(node)) return { ...node, credentials: { smtp } };
  if (node.type.endsWith('.lmChatAnthropic')) return { ...node, credentials: { anthropicApi } };
  return callsAgent(node) ? { ...node, credentials: { httpHeaderAuth } } : node;
}

/** Whether a node has the token of the agent: an HTTP Request, or the agent as a tool. */
export const callsAgent = ({ parameters }: WorkflowNode): boolean =>
  parameters['genericAuthType'] === 'httpHeaderAuth' || parameters['authentication'] === 'headerAuth';

/** The node Input with other values. */
function withInput(node: WorkflowNode, input: object): WorkflowNode {
  if (node.name !== 'Input') return node;
  const { assignments } = node.parameters['assignments'] as { assignments: { name: string; value: unknown }[] };
  const values = new Map<string, unknown>(Object.entries(input));
  const unknown = [...values.keys()].filter((name) => !assignments.some((assignment) => assignment.name === name));
  if (unknown.length > 0) throw new Error(`The node Input has no ${unknown.join(', ')}.`);
  const edited = assignments.map((assignment) => ({
    ...assignment,
    value: values.get(assignment.name) ?? assignment.value,
  }));
  return { ...node, parameters: { ...node.parameters, assignments: { assignments: edited } } };
}

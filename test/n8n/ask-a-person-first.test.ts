import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../agent/http/api/run.ts';
import { startSmtpDouble, type SmtpDouble } from '../doubles/smtp/server.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { Author, eventually, outputOf, runsOf, type Execution, type Workflow } from './author.ts';
import { behindProxy, Site } from './site.ts';
import type { WorkflowNode } from './workflow-file.ts';

/** n8n looks once a minute for executions whose wait is over. */
const PATIENCE_MS = 150_000;

describe('Ask a person first', needs(missingN8n), () => {
  let site: Site;
  let post: SmtpDouble;
  let author: Author;
  beforeAll(async () => {
    site = await Site.real({}, behindProxy('haproxy'));
    post = await startSmtpDouble();
    author = new Author(site.n8n, post.port);
  });
  afterEach(() => author.leave());
  afterAll(async () => {
    await post[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });

  /** The workflow with its prompt, published; a person has so many minutes. */
  const publish = (prompt: string, minutes = 10) =>
    author.publish('ask-a-person-first', { ...site.input, prompt }, {}, (node) =>
      node.name === 'Ask' ? limited(node, minutes) : node,
    );

  /** The address of the form in a mail that is the nth. */
  const formIn = async (nth: number) => {
    const mail = await eventually(() => Promise.resolve(post.mails[nth]), 'the mail');
    return { mail, form: /href="(http[^"]*webhook-waiting[^"]*)"/.exec(mail)?.[1]?.replaceAll('&amp;', '&') ?? '' };
  };

  /** What the agent has on record of the run that the workflow sent. */
  const ended = () =>
    eventually(async () => {
      const { runs } = (await (await site.agent.fetch('/runs?limit=1')).json()) as { runs: RunResource[] };
      const id = runs[0]?.state === 'ended' ? runs[0].id : undefined;
      return id === undefined ? undefined : ((await (await site.agent.fetch(`/runs/${id}`)).json()) as RunResource);
    }, 'the end of the run');

  const fileOf = (name: string) => path.join(site.agent.workspaceDir, name);

  it('allows and denies by the form of a person, one decision after the other, and ends with the answer', async () => {
    const before = post.mails.length;
    const workflow = await publish('Two files. [[bash:touch allowed.txt]] [[bash:touch denied.txt]]');
    await workflow.execute();

    const first = await formIn(before);
    expect(first.mail).toContain('Subject: Claude wants to use Bash');
    expect(first.mail).toContain('touch allowed.txt');
    // A mail filter that opens the link decides nothing.
    expect(await open(first.form)).toBe(200);
    expect(existsSync(fileOf('allowed.txt'))).toBe(false);
    await submit(first.form, 'Allow', '');

    const second = await formIn(before + 1);
    expect(second.mail).toContain('touch denied.txt');
    await submit(second.form, 'Deny', 'Not before Monday.');

    const run = await ended();
    expect(run.decisions).toMatchObject([
      { tool: 'Bash', allowed: true, by: 'operator' },
      { tool: 'Bash', allowed: false, by: 'operator', message: 'Not before Monday.' },
    ]);
    expect([existsSync(fileOf('allowed.txt')), existsSync(fileOf('denied.txt'))]).toEqual([true, false]);

    const end = await executionWith(workflow, 'Answer');
    expect(end.status).toBe('success');
    expect(outputOf(end, 'Answer')).toMatchObject([{ denied: [{ message: 'Not before Monday.' }] }]);
  });

  it('denies what nobody answers, and says so', { timeout: 2 * PATIENCE_MS }, async () => {
    const workflow = await publish('One file. [[bash:touch nobody.txt]]', 0.05);
    await workflow.execute();

    const asked = await executionWith(workflow, 'Decided');
    expect(outputOf(asked, 'Decided')).toEqual([
      { tool: 'Bash', allow: false, message: 'Nobody answered in time.', note: '' },
    ]);
    const run = await ended();
    expect(run.decisions).toMatchObject([{ allowed: false, by: 'operator', message: 'Nobody answered in time.' }]);
    expect(existsSync(fileOf('nobody.txt'))).toBe(false);
    const end = await executionWith(workflow, 'Answer');
    expect(outputOf(end, 'Answer')).toMatchObject([{ denied: [{ message: 'Nobody answered in time.' }] }]);
  });

  it('takes a decision that was made elsewhere as made', async () => {
    const before = post.mails.length;
    const workflow = await publish('One file. [[bash:touch elsewhere.txt]]');
    await workflow.execute();
    const { form } = await formIn(before);
    const { runs } = (await (await site.agent.fetch('/runs?limit=1')).json()) as { runs: RunResource[] };
    const id = runs[0]?.id ?? '';
    const { decisions } = (await (await site.agent.fetch(`/runs/${id}`)).json()) as RunResource;
    const decided = await site.agent.fetch(`/runs/${id}/decisions/${decisions?.[0]?.id}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ allow: false }),
    });
    expect(decided.status).toBe(200);
    await ended();
    await submit(form, 'Allow', '');
    const asked = await executionWith(workflow, 'Decided');
    expect(outputOf(asked, 'Decided')).toMatchObject([{ allow: true, note: expect.stringMatching(/./) as string }]);
    expect(existsSync(fileOf('elsewhere.txt'))).toBe(false);
  });
});

/** Without it n8n takes the request for one of a program that looks at links. */
const BROWSER = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36' };

/** Sends the form as a browser does. */
async function submit(form: string, decision: 'Allow' | 'Deny', reason: string): Promise<void> {
  const body = new FormData();
  body.set('field-0', decision);
  body.set('field-1', reason);
  expect(await open(form, { method: 'POST', body })).toBe(200);
}

/** Sends a request to the form as a browser does. n8n answers 409 until it has put the execution to sleep. @returns the status. */
const open = (form: string, request: RequestInit = {}): Promise<number> =>
  eventually(async () => {
    const { status } = await fetch(form, { ...request, headers: BROWSER });
    return status === 409 ? undefined : status;
  }, 'the form');

/** The execution of a workflow in which a node ran, when it has ended. */
async function executionWith(workflow: Workflow, node: string): Promise<Execution> {
  return eventually(
    async () => {
      const ids = await workflow.executions();
      const executions = await Promise.all(ids.map((id) => workflow.execution(id)));
      return executions.find((execution) => execution.status === 'success' && runsOf(execution, node) > 0);
    },
    `an execution with ${node}`,
    PATIENCE_MS,
  );
}

/** The node Ask with another limit. */
function limited(node: WorkflowNode, minutes: number): WorkflowNode {
  const options = node.parameters['options'] as object;
  const values = { limitType: 'afterTimeInterval', resumeAmount: minutes, resumeUnit: 'minutes' };
  return { ...node, parameters: { ...node.parameters, options: { ...options, limitWaitTime: { values } } } };
}

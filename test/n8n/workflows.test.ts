import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingN8n } from '../support/n8n-home.ts';
import { result } from '../doubles/claude/events.ts';
import { outputOf, runsOf } from './author.ts';
import { behindProxy, Site } from './site.ts';
import { readWorkflow } from './workflow-file.ts';
import { needs } from '../support/needs.ts';

const TICKET = 'Nobody has been able to order in the shop since this morning. Please help immediately!';
const FIELDS = { urgent: true, category: 'outage', summary: 'The shop is down.' };
const prompts = {
  [`Classify this ticket: ${TICKET}`]: [
    { do: 'event', event: result({ result: JSON.stringify(FIELDS), structured_output: FIELDS }) },
  ],
} as const;

/** The prompt that a workflow comes with. */
function promptIn(file: string): string {
  const input = JSON.stringify(readWorkflow(file).nodes.find(({ name }) => name === 'Input'));
  return /"name":"prompt","value":"([^"]*)"/.exec(input)?.[1] ?? '';
}

describe.each([
  ['the scripted CLI, behind a proxy', () => Site.scripted(prompts, {}, behindProxy('nginx'))],
  ['the real CLI', () => Site.real()],
])('with %s, a workflow as it was imported', needs(missingN8n), (cli, start) => {
  let site: Site;
  beforeAll(async () => {
    site = await start();
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it.each(['ask-claude', 'ask-claude-long', 'ask-claude-long-polling'])('%s ends with the answer', async (file) => {
    const workflow = await site.author.make(file, site.input);
    const execution = await workflow.execute();
    expect(execution).toMatchObject({ status: 'success', data: { resultData: { lastNodeExecuted: 'Answer' } } });
    expect(outputOf(execution, 'Answer')).toMatchObject([{ answer: `echo: ${promptIn(file)}` }]);
    const { runs } = (await (await site.agent.fetch('/runs?limit=1')).json()) as { runs: { labels: object }[] };
    expect(runs[0]?.labels).toEqual({
      workflow: workflow.id,
      workflowName: readWorkflow(file).name,
      execution: execution.id,
    });
  });

  it('ask-claude-long is woken by the callback, not by the end of its patience', async () => {
    const execution = await (await site.author.make('ask-claude-long', site.input)).execute();
    expect(runsOf(execution, 'Get run')).toBe(1);
    expect(outputOf(execution, 'Sleep')).toMatchObject([
      { body: { type: 'run.ended', data: { outcome: 'succeeded' } } },
    ]);
  });

  it('structured-answer goes on with the fields', async () => {
    const execution = await (await site.author.make('structured-answer', site.input)).execute();
    expect(execution.status).toBe('success');
    const [fields] = outputOf(execution, 'Fields');
    expect(Object.keys(fields ?? {}).sort()).toEqual(['category', 'summary', 'urgent']);
    const branch = fields?.['urgent'] === true ? 'Alert someone' : 'Add to backlog';
    expect(runsOf(execution, branch)).toBe(1);
    if (cli === 'the scripted CLI') expect(fields).toEqual(FIELDS);
  });

  it('conversation goes on with the same conversation in the next execution', async () => {
    const workflow = await site.author.make('conversation', { ...site.input, thread: `thread of ${cli}` });
    const first = outputOf(await workflow.execute(), 'Answer')[0];
    const second = outputOf(await workflow.execute(), 'Answer')[0];
    expect(first?.['sessionId']).toMatch(/./);
    expect(second?.['sessionId']).toBe(first?.['sessionId']);
    if (site.api) {
      const asked = JSON.stringify(site.api.messages().at(-1)?.body);
      expect(asked).toContain(`echo: ${promptIn('conversation')}`);
    }
  });

  it('batch asks for one item after the other and keeps them apart', async () => {
    const execution = await (await site.author.make('batch', site.input)).execute();
    expect(execution.status).toBe('success');
    expect(outputOf(execution, 'Results')).toEqual(
      ['colour', 'river', 'mountain'].map((what, i) => ({
        id: String(i + 1),
        outcome: 'succeeded',
        answer: `echo: Name a ${what}.`,
        error: '',
      })),
    );
  });
});

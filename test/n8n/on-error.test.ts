import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeamsDouble, type TeamsDouble } from '../doubles/teams/server.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { eventually } from './author.ts';
import { Site } from './site.ts';
import type { WorkflowNode } from './workflow-file.ts';
import { needs } from '../support/needs.ts';

describe('On error', needs(missingN8n), () => {
  let site: Site;
  let teams: TeamsDouble;
  beforeAll(async () => {
    site = await Site.scripted({
      login: [{ do: 'refuse', kind: 'authentication_failed', status: 401, text: 'Invalid token' }],
    });
    teams = await startTeamsDouble();
  });
  afterAll(async () => {
    await teams[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });

  it('tells Teams which workflow failed at which node, why, and where to look', async () => {
    const withWebhook = (node: WorkflowNode) =>
      node.name === 'Teams' ? { ...node, parameters: { ...node.parameters, url: teams.webhookUrl } } : node;
    const onError = await site.author.make('on-error', {}, withWebhook);
    await site.n8n.api('POST', `/workflows/${onError.id}/publish`, {});
    const input = { ...site.input, prompt: 'login' };
    const workflow = await site.author.publish('ask-claude', input, { errorWorkflow: onError.id });
    const failed = await workflow.execute();
    expect(failed.status).toBe('error');

    const card = await eventually(() => Promise.resolve(teams.cards[0]), 'the card');
    expect(card.fallbackText).toBe('Ask Claude failed');
    const text = JSON.stringify(card);
    expect(text).toContain('Claude needs a login (Invalid token)');
    expect(card['body']).toContainEqual({
      type: 'FactSet',
      facts: [
        { title: 'Node', value: 'Login needed' },
        { title: 'Execution', value: failed.id },
      ],
    });
    expect(card['actions']).toMatchObject([
      {
        type: 'Action.OpenUrl',
        url: expect.stringContaining(`/workflow/${workflow.id}/executions/${failed.id}`) as string,
      },
    ]);
  });
});

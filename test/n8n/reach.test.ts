import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { missingProxies } from '../support/proxies.ts';
import { outputOf } from './author.ts';
import { Site } from './site.ts';

describe('from another network, through a proxy with TLS,', needs(missingN8n ?? missingProxies), () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.scripted({}, {}, { proxy: 'haproxy' });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it.each(['ask-claude', 'ask-claude-long', 'ask-claude-long-polling'])('%s ends with the answer', async (file) => {
    const execution = await (await site.author.make(file, site.input)).execute();
    expect(execution.status).toBe('success');
    expect(outputOf(execution, 'Answer')[0]?.['answer']).toMatch(/^echo: /);
    expect(site.agent.lines.filter((line) => line.includes('"address":"127.0.0.1"'))).not.toEqual([]);
  });

  it('ask-claude gets the answer of a run that takes longer than the proxy waits: its next try joins the run', async () => {
    await using impatient = await Site.scripted(
      {
        slow: [
          { do: 'wait', ms: 4000 },
          { do: 'result', text: 'slow, but here' },
        ],
      },
      {},
      { proxy: 'nginx', changes: { 'proxy_read_timeout 11m': 'proxy_read_timeout 2s' } },
    );
    const workflow = await impatient.author.make('ask-claude', { ...impatient.input, prompt: 'slow' });
    const execution = await workflow.execute();
    expect(outputOf(execution, 'Answer')).toMatchObject([{ answer: 'slow, but here' }]);
    expect(impatient.agent.claude.begun().filter((prompt) => prompt === 'slow')).toHaveLength(1);
    expect(impatient.relay.count(0)).toBeGreaterThan(0);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { missingProxies } from '../support/proxies.ts';
import { outputOf } from './author.ts';
import { Site } from './site.ts';

describe('from another network, through a proxy with TLS,', needs(missingN8n ?? missingProxies), () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.scripted({}, {}, { proxy: 'nginx' });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it.each(['ask-claude', 'ask-claude-long', 'ask-claude-long-polling'])('%s ends with the answer', async (file) => {
    const execution = await (await site.author.make(file, site.input)).execute();
    expect(execution.status).toBe('success');
    expect(outputOf(execution, 'Answer')[0]?.['answer']).toMatch(/^echo: /);
    expect(site.agent.lines.filter((line) => line.includes('"address":"127.0.0.1"'))).not.toEqual([]);
  });
});

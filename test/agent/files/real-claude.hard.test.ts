import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('the real CLI', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    agent = await Agent.start({
      env: {
        ...REAL_CLAUDE,
        ANTHROPIC_BASE_URL: api.url,
        AGENT_AUTH_MODE: 'apiKey',
        ANTHROPIC_API_KEY: 'sk-ant-api03-test',
      },
    });
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  const lastSent = () => JSON.stringify(api.messages().at(-1)?.body);

  it('reads the files of a run and leaves others, with its own tools', async () => {
    const files = [{ name: 'a b.txt', base64: btoa('the word is avocet') }];
    const answer = await agent.run('[[bash:cat "$CLAUDE_RUN_IN/a b.txt" | tee "$CLAUDE_RUN_OUT/copy.txt"]] Read it.', {
      files,
    });
    expect(answer).toMatchObject({
      success: true,
      files: [{ name: 'copy.txt', bytes: 18, type: 'text/plain' }],
      warnings: [],
    });
    expect(lastSent()).toContain('the word is avocet');
    expect(lastSent()).toContain('- a b.txt (18 bytes, text/plain)');
    expect(await (await agent.fetch(`/runs/${answer.runId}/files/copy.txt`)).text()).toBe('the word is avocet');
  });

  it('sees an image that is a part of the prompt', async () => {
    const answer = await agent.run('Describe it.', { files: [{ name: 'dot.png', base64: PNG, inline: true }] });
    expect(answer).toMatchObject({ success: true, warnings: [] });
    expect(lastSent()).toContain('"type":"image"');
  });

  it('answers without a PDF that the API refuses, and the run says so', async () => {
    const answer = await agent.run('[[fail:pdf_invalid]] Summarise it.', {
      files: [{ name: 'scan.pdf', base64: btoa('%PDF-1.4 broken'), inline: true }],
    });
    expect(answer).toMatchObject({ success: true });
    expect(answer.warnings).toEqual([
      expect.stringMatching(/^The API refused a PDF of the prompt \("scan\.pdf"\).*Claude answered without it\.$/),
    ]);
  });

  it('takes a command of the CLI although a block is before it', async () => {
    const asked = api.messages().length;
    expect(await agent.run('/clear')).toMatchObject({ turns: 0 });
    expect(api.messages()).toHaveLength(asked);
  });
});

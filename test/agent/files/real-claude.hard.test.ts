import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** The base64 of a PNG whose header is good and whose pixels cannot be read. */
function corruptPng(width: number, height: number): string {
  const png = Buffer.from(PNG, 'base64');
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  const data = png.indexOf('IDAT') + 4;
  png.fill(0xff, data, data + 10);
  return png.toString('base64');
}

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

  it('answers without an image that the API refuses, and the run says so', async () => {
    const answer = await agent.run('[[fail:image_invalid]] Describe it.', {
      files: [{ name: 'dot.png', base64: PNG, inline: true }],
    });
    expect(answer).toMatchObject({ success: true });
    expect(answer.warnings).toEqual([
      expect.stringMatching(/^The API refused an image of the prompt \("dot\.png"\).*Claude answered without it\.$/),
    ]);
  });

  it('leaves an image with a good header and corrupt data to the API, and the run says that it was refused', async () => {
    const files = [{ name: 'corrupt.png', base64: corruptPng(1, 1), inline: true }];
    const asked = api.messages().length;
    const answer = await agent.run('[[fail:image_invalid]] Describe it.', { files });
    expect(JSON.stringify(api.messages()[asked]?.body)).toContain('"type":"image"');
    expect(answer).toMatchObject({ success: true });
    expect(answer.warnings).toEqual([
      expect.stringContaining('The API refused an image of the prompt ("corrupt.png")'),
    ]);
  });

  it('tells Claude, but nobody else, that it could not make such an image smaller', async () => {
    const files = [{ name: 'corrupt.png', base64: corruptPng(9000, 9000), inline: true }];
    expect(await agent.run('Describe it.', { files })).toMatchObject({ success: true, warnings: [] });
    expect(lastSent()).not.toContain('"type":"image"');
    expect(lastSent()).toContain('[Image could not be processed: ');
  });

  it('takes a command of the CLI although a block is before it', async () => {
    const asked = api.messages().length;
    expect(await agent.run('/clear')).toMatchObject({ turns: 0 });
    expect(api.messages()).toHaveLength(asked);
  });
});

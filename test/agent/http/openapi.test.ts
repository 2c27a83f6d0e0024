import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../../agent/http/api/operations.ts';
import { Agent, WITHOUT_TOKEN } from '../../support/agent.ts';
import { assertMeets, published, type Media } from '../../support/openapi.ts';

describe('docs/openapi.json', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(published))).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('has examples that match their schemas', () => {
    const examples = Object.values(published.paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId, parameters = [], requestBody, responses }) => {
        const bodies = [requestBody, ...Object.values(responses)].flatMap((each) => Object.values(each?.content ?? {}));
        return [...parameters.map(({ schema, example }) => ({ schema, example })), ...bodies].flatMap((media: Media) =>
          [media.example, ...Object.values(media.examples ?? {}).map(({ value }) => value)]
            .filter((example) => example !== undefined)
            .map((example) => ({ operationId, schema: media.schema, example })),
        );
      });
    expect(examples.length).toBeGreaterThan(50);
    for (const { operationId, schema, example } of examples)
      assertMeets(schema, example, `An example of ${operationId}`);
  });
});

describe('the agent', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  async function startLogin(): Promise<string> {
    const response = await agent.fetch('/auth/login', { method: 'POST', body: '{"replace": true}' });
    return ((await response.json()) as { id: string }).id;
  }

  it('serves the document with the token', async () => {
    expect(await (await agent.fetch('/openapi.json')).json()).toEqual(published);
    expect((await agent.fetch('/openapi.json', WITHOUT_TOKEN)).status).toBe(401);
  });

  it.each(operations)('responds to the example of %s as the document describes', async (name, operation) => {
    const { method, path, body, pathParameters = {}, answers } = operation;
    const id = path.startsWith('/auth/login/') ? await startLogin() : (await agent.run('an earlier one')).runId;
    const route = Object.keys(pathParameters).reduce((text, name) => text.replace(`{${name}}`, id), path);
    const response = await agent.fetch(name === 'uploadFile' ? `${route}?name=a.txt` : route, {
      method,
      ...(body && { body: JSON.stringify(body.example), headers: { 'Content-Type': 'application/json' } }),
    });
    await response.body?.cancel();
    await agent.fetch('/resume', { method: 'POST' });
    // The run waits for nothing that could be decided, and left no file.
    expect(['decide', 'getRunFile'].includes(name) ? ['404'] : Object.keys(answers)).toContain(String(response.status));
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schemaMistake } from '../../agent/http/request/output-schema.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const withProperty = (schema: object) => ({ type: 'object', properties: { a: schema } });

describe.concurrent('an outputSchema is accepted if the pinned CLI accepts it, otherwise refused', () => {
  it.each<[what: string, schema: object]>([
    ['an empty one', {}],
    ['an unknown type', { type: 'nothing' }],
    ['required that is not an array', { type: 'object', required: 'a' }],
    ['draft-07 by name', { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }],
    ['draft 2020-12 by name', { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }],
    ['a keyword of OpenAPI', withProperty({ type: 'string', example: 'x' })],
    ['nullable of OpenAPI', withProperty({ type: 'string', nullable: true })],
    ['a keyword of draft 2020-12', withProperty({ type: 'array', prefixItems: [{ type: 'string' }] })],
    ['$defs', { ...withProperty({ $ref: '#/$defs/b' }), $defs: { b: { type: 'string' } } }],
    ['a reference to a missing definition', withProperty({ $ref: '#/definitions/b' })],
    ['a reference to another document', withProperty({ $ref: 'https://example.org/schema.json' })],
    ['an unknown format', withProperty({ type: 'string', format: 'zonk' })],
    ['an invalid pattern', withProperty({ type: 'string', pattern: '(' })],
    ['$async', { $async: true, type: 'object' }],
    ['if alone', { if: { type: 'object' } }],
  ])('%s', async (_, schema) => {
    await using home = await makeHome();
    const args = [`--json-schema=${JSON.stringify(schema)}`];
    const env = { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
    const { stderr } = await ask('a name', { home, args, env });
    const mistake = await schemaMistake(schema);
    expect(mistake !== undefined).toBe(stderr.includes('is not a valid JSON Schema'));
  });
});

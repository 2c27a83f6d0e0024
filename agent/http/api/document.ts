import type { z } from 'zod';
import { componentSchemas, schemaOf, type Json } from './json-schema.ts';
import { problemsOf, type Answer, type Content, type Operation, type Parameter } from './operation.ts';
import { operations } from './operations.ts';
import { problemOf, problemSchema } from './problem.ts';
import { PROBLEMS, type ProblemFacts, type ProblemKind } from './problems.ts';

/**
 * The OpenAPI 3.1 document of the agent, generated from the same schemas and table as its routes.
 *
 * There is no generator library, because zod converts the schemas itself: a library would replace only `json-schema.ts`.
 * zod-openapi 6 closes the schemas of responses (`additionalProperties: false`), so generated clients would reject new
 * fields, and splits components that requests and responses share. @hono/zod-openapi 1 needs its own routes and
 * validation; the agent limits bodies before it reads them and reports all errors at once.
 */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [operationId, operation] of operations) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = { operationId, ...describeOperation(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'claude-code-agent',
      version,
      description:
        'Runs prompts with Claude Code, one or several at a time, and keeps a durable record of each run. Every error response is `application/problem+json` (RFC 9457).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [
      { url: 'http://claude-agent.claude-agent.svc', description: 'In the cluster.' },
      { url: 'http://127.0.0.1:3000', description: 'With `npm start` or a forwarded port.' },
    ],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The API token, or the token of a caller with one of the rights that the operation names. The API token has all rights.',
        },
        watchdogToken: { type: 'http', scheme: 'bearer', description: "The watchdog's token." },
      },
    },
  };
}

/** OpenAPI 3.1 has the rights that a token needs as roles; each entry is an alternative. */
function securityOf({ rights }: Operation): Json[] {
  if (rights.length === 0) return [];
  const ofCallers = [...new Set([...rights.filter((right) => right !== 'watchdog'), 'admin'])];
  return [
    ...ofCallers.map((right) => ({ token: [right] })),
    ...(rights.includes('watchdog') ? [{ watchdogToken: [] }] : []),
  ];
}

function describeOperation(operation: Operation): Json {
  const { summary, description, body, answers } = operation;
  const parameters = parametersOf(operation);
  return {
    summary,
    description,
    security: securityOf(operation),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: body.required,
        content: describeBody(body),
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])),
      ...problemResponses(problemsOf(operation)),
    },
  };
}

function describeBody({
  schema,
  example,
  mediaType = 'application/json',
  orMultipart,
}: NonNullable<Operation['body']>): Json {
  const described = { schema: schemaOf(schema), ...(example !== undefined && { example }) };
  const parts = {
    type: 'object',
    properties: { request: schemaOf(schema) },
    required: ['request'],
    additionalProperties: { type: 'string', format: 'binary' },
  };
  return {
    [mediaType]: described,
    ...(orMultipart && {
      'multipart/form-data': { schema: parts, encoding: { request: { contentType: 'application/json' } } },
    }),
  };
}

function parametersOf({ pathParameters = {}, query, headers = {} }: Operation): Json[] {
  const inPlace = (place: string, named: Readonly<Record<string, Parameter>>) =>
    Object.entries(named).map(([name, { description, schema, example }]) => ({
      name,
      in: place,
      ...(place === 'path' && { required: true }),
      description,
      schema: schemaOf(schema),
      example,
    }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schemaOf(schema as z.ZodType);
    return { name, in: 'query', ...(description !== undefined && { description }), schema: rest };
  });
  return [...inPlace('path', pathParameters), ...inQuery, ...inPlace('header', headers)];
}

function describeAnswer({ description, headers = {}, content, orAs }: Answer): Json {
  return {
    description,
    ...(Object.keys(headers).length > 0 && { headers: describeHeaders(headers) }),
    ...(content && { content: { ...describeContent(content), ...(orAs && describeContent(orAs)) } }),
  };
}

function describeContent({ mediaType = 'application/json', schema, example }: Content): Json {
  return { [mediaType]: { schema: schemaOf(schema), ...(example !== undefined && { example }) } };
}

function problemResponses(kinds: readonly ProblemKind[]): Json {
  const byStatus = Map.groupBy(kinds, (kind) => PROBLEMS[kind].status);
  return Object.fromEntries([...byStatus].map(([status, ofStatus]) => [status, describeProblems(ofStatus)]));
}

function describeProblems(kinds: readonly ProblemKind[]): Json {
  const facts: [ProblemKind, ProblemFacts][] = kinds.map((kind) => [kind, PROBLEMS[kind]]);
  const headers = {
    ...(kinds.includes('unauthorized') && { 'WWW-Authenticate': 'How to authenticate.' }),
    ...(facts.some(([, { retryAfter }]) => retryAfter !== undefined) && {
      'Retry-After': 'Seconds to wait before the next attempt.',
    }),
  };
  return {
    description: facts.map(([kind, { means, remedy }]) => `\`${kind}\`: ${means} ${remedy}`).join('\n\n'),
    ...(Object.keys(headers).length > 0 && { headers: describeHeaders(headers) }),
    content: {
      'application/problem+json': {
        schema: schemaOf(problemSchema),
        examples: Object.fromEntries(
          facts.map(([kind, { title, means }]) => [kind, { summary: title, value: problemOf(kind, means) }]),
        ),
      },
    },
  };
}

function describeHeaders(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { description, required: true, schema: { type: 'string' } },
    ]),
  );
}

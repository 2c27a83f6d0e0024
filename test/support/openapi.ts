import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { typeOf } from '../../agent/http/api/problem.ts';
import { PROBLEMS, type ProblemKind } from '../../agent/http/api/problems.ts';

/** The parts of a response in the document that the tests read. */
interface DocumentedAnswer {
  readonly headers?: Readonly<Record<string, { readonly required: boolean }>>;
  readonly content?: Readonly<Record<string, Media>>;
}

/** A body in the document. */
export interface Media {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** The parts of an operation in the document that the tests read. */
export interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly schema: object; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
}

/** The published document. */
export const published = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', 'openapi.json'), 'utf8'),
) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ components: closed(published.components) as object }, 'openapi.json');
/** Validators by the JSON of their schemas: compiling takes milliseconds, and ajv keeps each schema forever. */
const validators = new Map<string, ValidateFunction>();

/** Fails if a value does not match a schema of the document, or has unknown fields. */
export function assertMeets(schema: object, value: unknown, what: string): void {
  const validate = validatorOf(absolute(schema));
  if (validate(value)) return;
  throw new Error(
    `${what} does not match docs/openapi.json: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`,
  );
}

/** Fails if a value does not match the component with this name. */
export function assertComponent(name: string, value: unknown): void {
  assertMeets({ $ref: `#/components/schemas/${name}` }, value, name);
}

/** Fails if a response of the agent does not match the document. The response can still be read afterwards. */
export async function assertDocumented(method: string, route: string, response: Response): Promise<void> {
  const { status, headers } = response;
  const what = `The answer ${status} of ${method} ${route}`;
  const mediaType = headers.get('Content-Type')?.split(';')[0] ?? '';
  const body: unknown = mediaType.endsWith('json') ? await response.clone().json() : undefined;
  const operation = operationOf(method, new URL(route, 'http://agent').pathname);
  if (!operation) {
    assertStranger(status, body, what);
    return;
  }
  const answer = operation.responses[status];
  if (!answer) throw new Error(`${what} is not in docs/openapi.json: ${JSON.stringify(body)}`);
  for (const [name, { required }] of Object.entries(answer.headers ?? {})) {
    if (required && !headers.has(name)) throw new Error(`${what} has no ${name}.`);
  }
  if (!answer.content && mediaType === '') return;
  // Any type: the content of a file.
  if (answer.content?.['*/*']) return;
  const media = answer.content?.[mediaType];
  if (!media) throw new Error(`${what} has another Content-Type: ${mediaType}.`);
  if (body !== undefined) assertMeets(media.schema, body, what);
  if (mediaType === 'application/problem+json' && !Object.keys(media.examples ?? {}).includes(kindOf(body) ?? '')) {
    throw new Error(`${what} is of a kind that docs/openapi.json does not have there: ${JSON.stringify(body)}`);
  }
}

/** The possible refusals of a request that is not an operation. */
function assertStranger(status: number, body: unknown, what: string): void {
  assertMeets({ $ref: '#/components/schemas/Problem' }, body, what);
  const kind = kindOf(body);
  const known = kind === 'unauthorized' || kind === 'not-found' || kind === 'method-not-allowed';
  if (!known || PROBLEMS[kind].status !== status) throw new Error(`${what} is no refusal of what is not there.`);
}

function validatorOf(schema: string): ValidateFunction {
  const known = validators.get(schema) ?? ajv.compile(JSON.parse(schema) as object);
  validators.set(schema, known);
  return known;
}

function operationOf(method: string, pathname: string): DocumentedOperation | undefined {
  const known = Object.entries(published.paths).find(([template]) =>
    new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
  return known?.[1][(method === 'HEAD' ? 'GET' : method).toLowerCase()];
}

function kindOf(body: unknown): ProblemKind | undefined {
  const { type } = body as { type?: unknown };
  return (Object.keys(PROBLEMS) as ProblemKind[]).find((kind) => typeOf(kind) === type);
}

/** The same schemas, which refuse unknown fields. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && copy['type'] === 'object' ? { additionalProperties: false, ...copy } : copy;
}

function absolute(schema: object): string {
  return JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi.json#/');
}

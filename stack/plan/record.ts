import * as pulumi from '@pulumi/pulumi';

import { SECRETS } from '../config/secrets.ts';

/** A resource as the program registered it. */
export interface Recorded {
  /** Such as `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  /** In Pulumi, not in the cluster. */
  readonly name: string;
  /** Undefined below the stack itself. */
  readonly parent: string | undefined;
  /** It can't be deleted. */
  readonly isProtected: boolean;
  /** Secrets in them are marked; see {@link withoutSecrets}. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

type Properties = Readonly<Record<string, unknown>>;

/** What a provider gives back. */
export interface Made {
  /** Undefined in preview, where it is not known; left out, one is made up. */
  readonly id?: string | undefined;
  /** Besides the inputs. */
  readonly outputs?: Properties;
}

/** What stands in for the providers. */
export interface StandIn {
  readonly resource: (type: string, inputs: Properties) => Made;
  /** What it would answer to a function, such as a look-up. */
  readonly call: (token: string, inputs: Properties) => Properties;
}

/** How to run a program. */
export interface RecordOptions {
  readonly project: string;
  readonly stack: string;
  /** By full key, `PROJECT:KEY`. */
  readonly config: Record<string, string>;
  readonly standIn: StandIn;
  /** As in `pulumi preview`, where what a provider gives is not known. */
  readonly preview?: boolean;
}

/**
 * Runs a program with Pulumi's mocks in place of an engine: nothing is made, and no plugin is needed.
 * @param program Imports it, and gives its exports.
 */
export async function record(
  { project, stack, config, standIn, preview = false }: RecordOptions,
  program: () => Promise<Record<string, unknown>>,
): Promise<{ resources: Recorded[]; outputs: Record<string, unknown> }> {
  const resources: Recorded[] = [];
  const requests = new Map<string, Pick<Recorded, 'parent' | 'isProtected'>>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const plain = inputs as Record<string, unknown>;
        const request = requests.get(`${type} ${name}`);
        // A look-up is no registration.
        if (request !== undefined) resources.push({ type, name, ...request, inputs: plain });
        const made = standIn.resource(type, plain);
        return { id: 'id' in made ? made.id : `${name}-id`, state: { ...plain, ...made.outputs } };
      },
      call: ({ token, inputs }) => standIn.call(token, inputs as Record<string, unknown>),
    },
    project,
    stack,
    preview,
  );
  extendMonitor(requests);
  // What is encrypted in a stack's file: here a placeholder, or a test's.
  pulumi.runtime.setAllConfig(
    config,
    Object.keys(SECRETS).map((key) => `${project}:${key}`),
  );
  const exported = await program();
  const outputs = await Promise.all(
    Object.entries(exported).map(async ([key, value]) => [key, await settled(value)] as const),
  );
  await pulumi.runtime.disconnect();
  return { resources, outputs: Object.fromEntries(outputs) };
}

/** The value of an output; undefined where it is not known in preview. */
export function settled(value: unknown): Promise<unknown> {
  return (pulumi.output(value) as unknown as { promise(): Promise<unknown> }).promise();
}

interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
}
type Call = (request: Request, done: (error: unknown, answer: object) => void) => unknown;

/** Pulumi's mocks are not told all, and know no resource hooks: these take their registration and never call them. */
function extendMonitor(requests: Map<string, Pick<Recorded, 'parent' | 'isProtected'>>): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as Record<'registerResource' | 'registerResourceHook', Call>;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    const [type, name] = request.getParent().split('::').slice(-2);
    const parent = name === undefined || type === 'pulumi:pulumi:Stack' ? undefined : name;
    requests.set(`${request.getType()} ${request.getName()}`, { parent, isProtected: request.getProtect() });
    return register(request, done);
  };
  monitor.registerResourceHook = (_request, done) => done(null, {});
}

/** How Pulumi marks a secret on its way to the engine. */
const MARK = { key: '4dabf18193072939515e22adb298388d', secret: '1b47061264138c4ac30d75fd1eb44270' } as const;

/** The same value with a placeholder for each text that is a secret; the names of a secret map's entries stay. */
export function withoutSecrets(value: unknown, secret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, secret));
  if (typeof value !== 'object' || value === null) return secret ? '[secret]' : value;
  if ((value as Record<string, unknown>)[MARK.key] === MARK.secret) {
    return withoutSecrets((value as { value?: unknown }).value, true);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, secret)]));
}

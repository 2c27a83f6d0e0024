import * as pulumi from '@pulumi/pulumi';

import { SECRETS } from '../config/secrets.ts';
import { extendMonitor, settled } from '../pulumi-internals/monitor.ts';
import type { Registration } from '../pulumi-internals/monitor.ts';

/** A resource as the program registered it. */
export interface Recorded extends Registration {
  /** Such as `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  /** In Pulumi, not in the cluster. */
  readonly name: string;
  /** Secrets in them are marked; see {@link withoutSecrets}. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

type Properties = Readonly<Record<string, unknown>>;

/** What a provider returns. */
export interface Made {
  /** Undefined in preview, where it is unknown. If the key is missing, an ID is made up. */
  readonly id?: string | undefined;
  /** In addition to the inputs. */
  readonly outputs?: Properties;
}

/** What stands in for the providers. */
export interface StandIn {
  readonly resource: (type: string, inputs: Properties) => Made;
  /** Its answer to a function call, such as a lookup. */
  readonly call: (token: string, inputs: Properties) => Properties;
}

/** How to run a program. */
export interface RecordOptions {
  readonly project: string;
  readonly stack: string;
  /** By full key, `PROJECT:KEY`. */
  readonly config: Record<string, string>;
  readonly standIn: StandIn;
  /** As in `pulumi preview`, where what a provider returns is unknown. */
  readonly preview?: boolean;
}

/**
 * Runs a program with Pulumi's mocks in place of an engine: nothing is created, and no plugin is needed.
 * @param program Imports the program and returns its exports.
 */
export async function record(
  { project, stack, config, standIn, preview = false }: RecordOptions,
  program: () => Promise<Record<string, unknown>>,
): Promise<{ resources: Recorded[]; outputs: Record<string, unknown> }> {
  const resources: Recorded[] = [];
  let registrationOf: ReturnType<typeof extendMonitor> = () => undefined;
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const plain = inputs as Record<string, unknown>;
        const registration = registrationOf(type, name);
        // A lookup is not a registration.
        if (registration !== undefined) resources.push({ type, name, ...registration, inputs: plain });
        const made = standIn.resource(type, plain);
        return { id: 'id' in made ? made.id : `${name}-id`, state: { ...plain, ...made.outputs } };
      },
      call: ({ token, inputs }) => standIn.call(token, inputs as Record<string, unknown>),
    },
    project,
    stack,
    preview,
  );
  registrationOf = extendMonitor();
  // The keys that are encrypted in a stack's file; their values here are placeholders, or a test's.
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

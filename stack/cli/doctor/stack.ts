import { npmRun, npmRunAll } from '../../next-command.ts';
import { lookUpImage } from '../system/registry.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import { shortImage } from '../../update-record.ts';
import { causeIn } from '../../exec.ts';
import { EngineError } from '../system/engine.ts';
import { broken, ok } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** What is looked at of the stack itself. */
export interface StackDependencies {
  /** Name of the stack. */
  readonly stack: string;
  /** Where its state is, for people. */
  readonly backend: string;
  /** Reads the state; undefined where there is no such stack. @throws Error when the backend can't be reached. */
  readonly readState: () => Promise<ExportedState | undefined>;
  /** Runs `pulumi preview` against what is really there; what it printed where it finds a change or fails. */
  readonly preview: () => Promise<string | undefined>;
  /** Name of the registry in Azure, where it is there. */
  readonly azureRegistry: string | undefined;
}

/**
 * The state, the image that it names, and whether the cluster is as the state says; and whether the state, once it was
 * looked at, has anything.
 */
export function stack({
  stack: name,
  backend,
  readState,
  preview,
  azureRegistry,
}: StackDependencies): Record<'state' | 'image' | 'drift', Check> & { readonly isDeployed: () => boolean } {
  let image: string | undefined;
  let isDeployed = false;
  return {
    isDeployed: () => isDeployed,
    state: {
      name: 'state',
      needs: ['pulumi'],
      look: async () => {
        let state: ExportedState | undefined;
        try {
          state = await readState();
        } catch (error) {
          const { message } = error as Error;
          const next = /passphrase/i.test(message)
            ? 'put the file with the passphrase back, or give it in PULUMI_CONFIG_PASSPHRASE'
            : `see that ${backend} can be reached: pulumi whoami -v`;
          return broken(error instanceof EngineError ? error.reason : message, next);
        }
        const { resources = [], pending_operations: pending } = state?.deployment ?? {};
        if (!resources?.length)
          return broken(`the stack ${name} has nothing yet, in ${backend}`, npmRunAll('login', 'up'));
        isDeployed = true;
        image = resources.find(({ type }) => type === 'pulumi:pulumi:Stack')?.outputs?.['image'] as string | undefined;
        if (pending?.length)
          return broken(`the last update was cut off at ${pending.length} resource(s)`, npmRun('up'));
        return ok(`${resources.length} resources, in ${backend}`);
      },
    },
    image: { name: 'image', needs: ['state'], look: () => lookAtImage(image, azureRegistry) },
    drift: {
      name: 'drift',
      needs: ['state', 'cluster'],
      look: async () => {
        const output = await preview();
        if (output === undefined) return ok('the cluster is as the config says');
        const lines = output.split('\n').map((line) => line.trim().replace(/\s{2,}/g, ' '));
        const changed = lines.filter((line) => CHANGE.test(line));
        const what =
          changed.length > 0
            ? [...new Set(changed)].slice(0, 3).join('; ')
            : causeIn(diagnosticsIn(output)) || 'preview failed';
        return broken(what.slice(0, 300), `${npmRun('preview', '--refresh --diff')}, then ${npmRun('up')}`);
      },
    },
  };
}

/** Such as `~ kubernetes:apps/v1:Deployment agent-deployment update [diff: ~spec]`; the stack itself is none, nor is what is only looked at. */
const CHANGE = /^[~+-]+ (?!pulumi:pulumi:Stack )\S+:\S+ \S+ (create|delete|replace|update|.*\[diff)/;

/** What the engine says of each resource comes last, below a heading; before it, that something goes on. */
const diagnosticsIn = (output: string): string => output.slice(Math.max(0, output.indexOf('\nDiagnostics:\n')));

async function lookAtImage(image: string | undefined, azureRegistry: string | undefined): Promise<Finding> {
  if (image === undefined) return broken('the state names none', npmRun('up'));
  const short = shortImage(image);
  const found = await lookUpImage(image, azureRegistry);
  if (found.image === 'there') return ok(`${short} is in ${image.split('/')[0] ?? ''}`);
  return broken(
    `${short}: ${found.failure}`,
    `see that the registry can be reached; ${npmRun('up')} builds and pushes an image that is lost`,
  );
}

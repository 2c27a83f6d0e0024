import { npmRun, npmRunAll } from '../../next-command.ts';
import { lookUpImage } from '../system/registry.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import { shortImage } from '../../update-record.ts';
import { causeIn } from '../../exec.ts';
import { EngineError } from '../system/engine.ts';
import { broken, ok } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** What the checks of the stack itself need. */
export interface StackDependencies {
  /** Name of the stack. */
  readonly stack: string;
  /** Where its state is, as shown to the operator. */
  readonly backend: string;
  /** Reads the state; undefined if the stack does not exist. @throws Error if the backend can't be reached. */
  readonly readState: () => Promise<ExportedState | undefined>;
  /** Runs `pulumi preview` with a refresh. Returns its output if it finds a change or fails, otherwise undefined. */
  readonly preview: () => Promise<string | undefined>;
  /** Name of the registry, if it is in Azure. */
  readonly azureRegistry: string | undefined;
}

/**
 * Checks the state, the image in it, and whether the cluster matches the config. `isDeployed` returns whether the state
 * has resources; it is false until `state` has been checked.
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
            ? 'restore the passphrase file, or set PULUMI_CONFIG_PASSPHRASE'
            : `check that ${backend} can be reached: pulumi whoami -v`;
          return broken(error instanceof EngineError ? error.reason : message, next);
        }
        const { resources = [], pending_operations: pending } = state?.deployment ?? {};
        if (!resources?.length)
          return broken(`nothing is deployed yet (stack ${name} in ${backend})`, npmRunAll('login', 'up'));
        isDeployed = true;
        image = resources.find(({ type }) => type === 'pulumi:pulumi:Stack')?.outputs?.['image'] as string | undefined;
        if (pending?.length)
          return broken(`the last update was interrupted while it changed ${pending.length} resource(s)`, npmRun('up'));
        return ok(`${resources.length} resources, in ${backend}`);
      },
    },
    image: { name: 'image', needs: ['state'], look: () => lookAtImage(image, azureRegistry) },
    drift: {
      name: 'drift',
      needs: ['state', 'cluster'],
      look: async () => {
        const output = await preview();
        if (output === undefined) return ok('the cluster matches the config');
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

/** Such as `~ kubernetes:apps/v1:Deployment agent-deployment update [diff: ~spec]`; not the stack itself, nor reads. */
const CHANGE = /^[~+-]+ (?!pulumi:pulumi:Stack )\S+:\S+ \S+ (create|delete|replace|update|.*\[diff)/;

/** The engine prints progress first, then its messages about each resource, below a heading. */
const diagnosticsIn = (output: string): string => output.slice(Math.max(0, output.indexOf('\nDiagnostics:\n')));

async function lookAtImage(image: string | undefined, azureRegistry: string | undefined): Promise<Finding> {
  if (image === undefined) return broken('the state has no image', npmRun('up'));
  const short = shortImage(image);
  const found = await lookUpImage(image, azureRegistry);
  if (found.image === 'there') return ok(`${short} is in ${image.split('/')[0] ?? ''}`);
  return broken(
    `${short}: ${found.failure}`,
    `check that the registry can be reached; ${npmRun('up')} rebuilds and pushes a lost image`,
  );
}

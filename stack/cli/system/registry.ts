import { npmRunAll } from '../../next-command.ts';
import { run } from '../../exec.ts';
import { CliError } from './terminal.ts';

/** Whether a registry has an image. `unknown`: the lookup failed, so the image may or may not exist. */
export type InRegistry = { readonly image: 'there' } | { readonly image: 'lost' | 'unknown'; readonly failure: string };

/** How registries and their clients report a missing image. Source: OCI distribution spec, Docker, the Azure CLI. */
const NOT_THERE =
  /no such manifest|manifest.*(unknown|not found)|repository( name)?.*(unknown|not (known|found))|NAME_UNKNOWN/i;

/**
 * Looks up an image in its registry.
 * @param image By digest.
 * @param azureRegistry The registry's name if it is in Azure.
 */
export async function lookUpImage(image: string, azureRegistry: string | undefined): Promise<InRegistry> {
  const name = image.slice(image.indexOf('/') + 1);
  const answer =
    azureRegistry === undefined
      ? await run('docker', ['manifest', 'inspect', ...(isLoopback(image) ? ['--insecure'] : []), image])
      : await run('az', ['acr', 'repository', 'show', '--name', azureRegistry, '--image', name]);
  if ('output' in answer) return { image: 'there' };
  return { image: NOT_THERE.test(answer.failure) ? 'lost' : 'unknown', failure: answer.failure };
}

/** @throws CliError if the registry no longer has an image that the update would not build: its pods could never start. */
export async function mustBeThere(image: string, lookUp: (image: string) => Promise<InRegistry>): Promise<void> {
  const found = await lookUp(image);
  if (found.image !== 'lost') return;
  throw new CliError(
    `The registry no longer has ${image} (${found.failure}). To build this checkout instead: ${npmRunAll(['pulumi', 'config rm image'], 'up')}`,
  );
}

/** The registries that Docker contacts without TLS. */
const isLoopback = (image: string): boolean => /^(localhost|127\.)/.test(image);

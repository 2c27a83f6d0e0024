import { npmRunAll } from '../../next-command.ts';
import { run } from '../../exec.ts';
import { CliError } from './terminal.ts';

/** What a registry says of an image. `unknown`: it could not be asked, which says nothing about the image. */
export type InRegistry = { readonly image: 'there' } | { readonly image: 'lost' | 'unknown'; readonly failure: string };

/** How registries, and who asks them, say that they do not have it. Source: OCI distribution spec, Docker, the Azure CLI. */
const NOT_THERE =
  /no such manifest|manifest.*(unknown|not found)|repository( name)?.*(unknown|not (known|found))|NAME_UNKNOWN/i;

/**
 * Asks the registry for an image.
 * @param image By digest.
 * @param azureRegistry Name of the registry where it is in Azure.
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

/** @throws CliError when the registry lost an image that is not to be built: pods would wait for it in vain. */
export async function mustBeThere(image: string, lookUp: (image: string) => Promise<InRegistry>): Promise<void> {
  const found = await lookUp(image);
  if (found.image !== 'lost') return;
  throw new CliError(
    `The registry has no ${image} (${found.failure}). Build this checkout instead: ${npmRunAll(['pulumi', 'config rm image'], 'up')}`,
  );
}

/** As Docker itself decides whom it talks to without TLS. */
const isLoopback = (image: string): boolean => /^(localhost|127\.)/.test(image);

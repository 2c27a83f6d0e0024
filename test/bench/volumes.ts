import { execa } from 'execa';

/**
 * Frees the volumes whose claims were deleted with their namespace. A volume that was not provisioned dynamically stays
 * bound to the deleted claim.
 */
export async function freeVolumes(): Promise<void> {
  const { stdout } = await execa('kubectl', ['get', 'persistentvolumes', '--output', 'json']);
  const { items } = JSON.parse(stdout) as { items: Volume[] };
  for (const { metadata, spec, status } of items) {
    if (status.phase !== 'Released' || spec.claimRef?.namespace !== 'claude-agent') continue;
    const patch = ['--type', 'json', '--patch', '[{"op": "remove", "path": "/spec/claimRef"}]'];
    await execa('kubectl', ['patch', 'persistentvolume', metadata.name, ...patch]);
  }
}

interface Volume {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly claimRef?: { readonly namespace: string } };
  readonly status: { readonly phase: string };
}

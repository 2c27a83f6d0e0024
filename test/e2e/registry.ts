/** A layer of an image: its digest and compressed size in bytes. */
export interface Layer {
  readonly digest: string;
  readonly size: number;
}

/** The layers of an image by digest (REGISTRY/NAME@sha256:…), as the registry has them. */
export async function layersOf(image: string): Promise<Layer[]> {
  const [, registry = '', name = '', digest = ''] = /^([^/]+)\/(.+)@(.+)$/.exec(image) ?? [];
  const response = await fetch(`http://${registry}/v2/${name}/manifests/${digest}`, {
    headers: {
      accept: 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json',
    },
  });
  if (!response.ok) throw new Error(`${image}: the registry answered ${response.status}`);
  return ((await response.json()) as { layers: Layer[] }).layers;
}

import { execa } from 'execa';

/** Sizes of an image, of its base, and of Claude Code in it, in bytes. */
export interface ImageSizes {
  readonly image: number;
  readonly base: number;
  readonly cli: number;
}

/** Measures an image. Both it and its base must be in the Docker daemon. */
export async function imageSizes(image: string, base: string): Promise<ImageSizes> {
  const docker = async (...args: string[]): Promise<string> => (await execa('docker', args)).stdout;
  const sizeOf = async (name: string) => Number(await docker('image', 'inspect', '--format', '{{.Size}}', name));
  const cli = await docker('run', '--rm', '--entrypoint', 'du', image, '-sb', '/app/node_modules/@anthropic-ai');
  return { image: await sizeOf(image), base: await sizeOf(base), cli: parseInt(cli) };
}

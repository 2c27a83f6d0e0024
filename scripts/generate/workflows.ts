import path from 'node:path';

import { Author } from '../../test/n8n/author.ts';
import { Editor } from '../../test/n8n/editor.ts';
import { workflowFiles } from '../../test/n8n/workflow-file.ts';
import { missingN8n } from '../../test/support/n8n-home.ts';
import { RealN8n } from '../../test/support/n8n.ts';

const IMAGES = path.resolve(import.meta.dirname, '../../docs/images');

/** Draws each workflow of docs/n8n in n8n's editor into docs/images/n8n-<name>.png. @throws without n8n or Chromium */
export async function drawWorkflows(): Promise<void> {
  if (missingN8n !== undefined) throw new Error(missingN8n);
  await using n8n = await RealN8n.start();
  await using editor = await Editor.open(n8n);
  const author = new Author(n8n);
  // Nothing is executed; without a credential the editor marks the node as faulty.
  await author.useModelAt('https://api.anthropic.com');
  for (const file of workflowFiles) {
    const { id } = await author.make(file, {});
    const image = path.join(IMAGES, `n8n-${file}.png`);
    await editor.draw(id, image);
    process.stdout.write(`Wrote ${image}.\n`);
  }
}

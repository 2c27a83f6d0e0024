/**
 * Draws each workflow of docs/n8n in n8n's editor into docs/images/n8n-<name>.png: `npm run workflows`. Needs n8n and
 * Chromium on this machine.
 * @module
 */
import path from 'node:path';
import { commandLine } from '../../scripts/command.ts';
import { RealN8n } from '../support/n8n.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { Author } from './author.ts';
import { Editor } from './editor.ts';
import { workflowFiles } from './workflow-file.ts';

const IMAGES = path.join(import.meta.dirname, '..', '..', 'docs', 'images');

commandLine({
  command: 'npm run workflows',
  summary: "Draws the workflows of docs/n8n in n8n's editor into docs/images. Needs n8n and Chromium.",
  options: {},
});
if (missingN8n !== undefined) throw new Error(missingN8n);
await using n8n = await RealN8n.start();
await using editor = await Editor.open(n8n);
const author = new Author(n8n);
for (const file of workflowFiles) {
  const { id } = await author.make(file, {});
  const image = path.join(IMAGES, `n8n-${file}.png`);
  await editor.draw(id, image);
  process.stdout.write(`${image}\n`);
}

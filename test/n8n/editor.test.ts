import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callsAgent } from './author.ts';
import { NO_CHROMIUM } from '../support/chromium.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { Editor } from './editor.ts';
import { theN8n } from './site.ts';
import { pathOf, readWorkflow, workflowFiles } from './workflow-file.ts';
import { needs } from '../support/needs.ts';

describe('import in the editor', needs(missingN8n ?? NO_CHROMIUM), () => {
  let editor: Editor;
  beforeAll(async () => {
    editor = await Editor.open(theN8n());
  });
  afterAll(() => editor[Symbol.asyncDispose]());

  it.each(workflowFiles)('takes %s with its tag and without a warning, and misses credentials only', async (file) => {
    const { nodes, tags } = readWorkflow(file);
    const { id, warnings, faults } = await editor.importFile(pathOf(file));
    expect(warnings).toEqual([]);
    const without = nodes.filter((node) => callsAgent(node) || /\.(emailSend|lmChatAnthropic)$/.test(node.type));
    expect([...faults].sort()).toEqual(without.map(({ name }) => name).sort());
    const imported = (await theN8n().api('GET', `/workflows/${id}`)) as { nodes: object[]; tags: { name: string }[] };
    expect(imported.nodes).toHaveLength(nodes.length);
    expect(imported.tags.map(({ name }) => name)).toEqual(tags.map(({ name }) => name));
    await theN8n().remove(id);
  });
});

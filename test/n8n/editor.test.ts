import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../support/chromium.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { Editor } from './editor.ts';
import { theN8n, whySkipped } from './site.ts';
import { pathOf, readWorkflow, workflowFiles } from './workflow-file.ts';

const why = CHROMIUM === undefined ? ' (skipped: no Chromium; CHROMIUM names one)' : whySkipped;

describe.skipIf(missingN8n !== undefined || CHROMIUM === undefined)(`import in the editor${why}`, () => {
  let editor: Editor;
  beforeAll(async () => {
    editor = await Editor.open(theN8n());
  });
  afterAll(() => editor[Symbol.asyncDispose]());

  it.each(workflowFiles)(
    'takes %s with its tag and without a warning, and misses the credential only',
    async (file) => {
      const { nodes, tags } = readWorkflow(file);
      const { id, warnings, faults } = await editor.importFile(pathOf(file));
      expect(warnings).toEqual([]);
      const calls = nodes.filter(({ parameters }) => parameters['genericAuthType'] === 'httpHeaderAuth');
      expect([...faults].sort()).toEqual(calls.map(({ name }) => name).sort());
      const imported = (await theN8n().api('GET', `/workflows/${id}`)) as { nodes: object[]; tags: { name: string }[] };
      expect(imported.nodes).toHaveLength(nodes.length);
      expect(imported.tags.map(({ name }) => name)).toEqual(tags.map(({ name }) => name));
      await theN8n().remove(id);
    },
  );
});

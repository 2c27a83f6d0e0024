import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingN8n, N8N_HOME } from '../support/n8n-home.ts';
import { theN8n } from './site.ts';
import { readWorkflow, WORKFLOWS, workflowFiles } from './workflow-file.ts';
import { needs } from '../support/needs.ts';

interface NodeType {
  readonly name: string;
  readonly version: number | readonly number[];
}

describe('import of docs/n8n', needs(missingN8n), () => {
  it('takes every workflow without a warning, with its tag', async () => {
    const n8n = theN8n();
    const said = await n8n.command('import:workflow', '--separate', `--input=${WORKFLOWS}`);
    expect(said.trim().split('\n')).toEqual([
      `Importing ${workflowFiles.length} workflows...`,
      `Successfully imported ${workflowFiles.length} workflows.`,
    ]);
    const { data } = (await n8n.api('GET', '/workflows?limit=250')) as {
      data: { id: string; name: string; tags: { name: string }[] }[];
    };
    for (const { name, tags } of workflowFiles.map(readWorkflow)) {
      const imported = data.find((workflow) => workflow.name === name);
      expect(
        imported?.tags.map((tag) => tag.name),
        name,
      ).toEqual(tags.map((tag) => tag.name));
    }
    const names = workflowFiles.map((file) => readWorkflow(file).name);
    for (const { id, name } of data) if (names.includes(name)) await n8n.remove(id);
  });

  it('finds every node in this n8n, in its version', () => {
    const types = ['n8n-nodes-base', '@n8n/n8n-nodes-langchain'].flatMap((from) => {
      const file = path.join(N8N_HOME, 'node_modules', from, 'dist/types/nodes.json');
      return (JSON.parse(readFileSync(file, 'utf8')) as NodeType[]).map((type) => ({ ...type, from }));
    });
    for (const { name: workflow, nodes } of workflowFiles.map(readWorkflow)) {
      for (const { name, type, typeVersion } of nodes) {
        const versions = types
          .filter((known) => `${known.from}.${known.name}` === type)
          .flatMap(({ version }) => version);
        expect(versions, `${workflow}: ${name}`).toContain(typeVersion);
      }
    }
  });
});

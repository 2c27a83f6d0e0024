import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { UploadedFile } from '../../agent/http/api/file.ts';
import type { RunAnswer } from '../../agent/http/api/run.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { RealN8n } from '../support/n8n.ts';
import { itemsOf, outputOf, runsOf, type Execution } from './author.ts';
import { trustOf } from '../support/proxies.ts';
import { behindProxy, Site, theN8n } from './site.ts';
import { readWorkflow, type WorkflowNode } from './workflow-file.ts';

const hashOf = (content: Buffer | string) => createHash('sha256').update(content).digest('hex');
const EVERY_BYTE = Buffer.from(Array.from({ length: 65_536 }, (_, i) => i % 256));
const NAME = 'Größe & Übersicht 1 (50%).bin';
const TABLE = 'Lake;km²\nLadoga;17700\n';

/** Writes a file into the folder of the run for what it leaves. */
const leaves = (name: string, content: string | Buffer) =>
  ({
    do: 'shell',
    command: `printf %s ${Buffer.from(content).toString('base64')} | base64 -d > "$CLAUDE_RUN_OUT/${name}"`,
  }) as const;
const result = { do: 'result', text: 'echo: $PROMPT' } as const;
const copies = { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"' } as const;
const fails = { do: 'refuse', kind: 'invalid_request', status: 400, text: 'Bad request' } as const;
const prompts = {
  make: [leaves(NAME, EVERY_BYTE), leaves('Seen und Flüsse.csv', TABLE), result],
  fail: [leaves('part.csv', TABLE), fails],
  none: [result],
  '*': [copies, result],
};

/** The run of an execution, as the node Run has it. */
const runOf = (execution: Execution) => outputOf(execution, 'Run')[0] as unknown as RunAnswer;

/** In the place of the example another file, whose content is base64 in the node Input. */
const withFile = (fileName: string) => (node: WorkflowNode) =>
  node.name === 'Example file'
    ? {
        ...node,
        parameters: {
          ...node.parameters,
          operation: 'toBinary',
          options: { fileName, mimeType: 'application/x-test' },
        },
      }
    : node;

/** Puts the example where most nodes put files, whatever the node Input says. */
const intoData = (node: WorkflowNode) => ({ ...node, parameters: { ...node.parameters, binaryPropertyName: 'data' } });

/** What makes the request of a run an upload. */
const UPLOAD = {
  method: 'PUT',
  url: "={{ $('Input').first().json.agentUrl }}/files?name={{ encodeURIComponent($binary.data.fileName) }}",
  contentType: 'binaryData',
  inputDataFieldName: 'data',
};

/** The request of a run with `files`. */
const withFiles = (node: WorkflowNode, files: object[]) => {
  const jsonBody = String(node.parameters['jsonBody']).replace(
    '{ prompt:',
    `{ files: ${JSON.stringify(files)}, prompt:`,
  );
  return { ...node, parameters: { ...node.parameters, jsonBody } };
};

/** What comes out of the node Get file, with the hash of what n8n has stored. */
async function filesFrom(n8n: RealN8n, execution: Execution) {
  return Promise.all(
    itemsOf(execution, 'Get file').map(async ({ json, binary }) => {
      const { id = '', fileName, mimeType } = binary?.['data'] ?? {};
      const hash = hashOf(await n8n.binary(id));
      expect(json['sha256']).toBe(hash);
      return { mode: id.split(':')[0], name: json['name'], fileName, mimeType, hash };
    }),
  );
}

describe.each([
  ['filesystem, its default', 'filesystem-v2', () => undefined, () => ({})],
  [
    'database',
    'database',
    () => RealN8n.start({ ...trustOf(inject('certificate')), N8N_DEFAULT_BINARY_DATA_MODE: 'database' }),
    () => behindProxy('haproxy'),
  ],
])('files with an n8n that keeps binary data in mode %s', needs(missingN8n), (_, mode, startOwn, behind) => {
  let own: RealN8n | undefined;
  let site: Site;
  beforeAll(async () => {
    own = await startOwn();
    site = await Site.scripted(prompts, { AGENT_FILE_MEGABYTES: '1' }, { n8n: own ?? theN8n(), ...behind() });
  });
  afterAll(async () => {
    try {
      await site[Symbol.asyncDispose]();
    } finally {
      await own?.[Symbol.asyncDispose]();
    }
  });

  it('ask-about-a-file, as it was imported, sends its example', async () => {
    const workflow = await site.author.make('ask-about-a-file', site.input);
    const execution = await workflow.execute();
    expect(execution).toMatchObject({ status: 'success', data: { resultData: { lastNodeExecuted: 'Answer' } } });
    const input = outputOf(execution, 'Input')[0];
    expect(outputOf(execution, 'Answer')).toMatchObject([{ answer: `echo: ${String(input?.['prompt'])}` }]);
    expect(itemsOf(execution, 'Example file')[0]?.binary?.['data']?.id).toMatch(new RegExp(`^${mode}:`));
    const text = String(input?.['exampleText']);
    expect(runOf(execution).files).toEqual([
      { name: 'orders.csv', bytes: text.length, sha256: hashOf(text), type: 'text/csv' },
    ]);
    const { runs } = (await (await site.agent.fetch('/runs?limit=1')).json()) as { runs: { labels: object }[] };
    expect(runs[0]?.labels).toEqual({
      workflow: workflow.id,
      workflowName: readWorkflow('ask-about-a-file').name,
      execution: execution.id,
    });
  });

  it('ask-about-a-file sends every byte and any name, also when the agent starts later', async () => {
    const input = { ...site.input, exampleText: EVERY_BYTE.toString('base64'), binaryField: 'attachment_0' };
    const workflow = await site.author.make('ask-about-a-file', input, withFile(NAME));
    await site.agent.end('SIGTERM');
    const id = await workflow.start();
    await site.relay.saw(0);
    await site.agent.start();
    const file = { name: NAME, bytes: EVERY_BYTE.length, sha256: hashOf(EVERY_BYTE), type: 'application/octet-stream' };
    expect(runOf(await workflow.ended(id))).toMatchObject({ outcome: 'succeeded', warnings: [], files: [file] });
  });

  it('batch gives each item a file that was uploaded once, as docs/n8n.md says', async () => {
    const upload = await site.author.make('ask-about-a-file', site.input, (node) =>
      node.name === 'Ask Claude' ? { ...node, parameters: { ...node.parameters, ...UPLOAD } } : node,
    );
    const { body } = outputOf(await upload.execute(), 'Ask Claude')[0] as { body: UploadedFile };
    const batch = await site.author.make('batch', site.input, (node) =>
      node.name === 'Ask Claude' ? withFiles(node, [{ fileId: body.fileId }]) : node,
    );
    const execution = await batch.execute();
    expect(execution.status).toBe('success');
    const runs = [0, 1, 2].map((run) => outputOf(execution, 'Ask Claude', run)[0] as { body: RunAnswer });
    const { fileId: _, ...file } = body;
    expect(runs.map((run) => run.body.files)).toEqual([[file], [file], [file]]);
  });

  it('make-a-file goes on with each file that the run left', async () => {
    const execution = await (await site.author.make('make-a-file', { ...site.input, prompt: 'make' })).execute();
    expect(execution).toMatchObject({ status: 'success', data: { resultData: { lastNodeExecuted: 'Get file' } } });
    expect(await filesFrom(site.n8n, execution)).toEqual([
      { mode, name: NAME, fileName: NAME, mimeType: 'application/octet-stream', hash: hashOf(EVERY_BYTE) },
      {
        mode,
        name: 'Seen und Flüsse.csv',
        fileName: 'Seen und Flüsse.csv',
        mimeType: 'text/csv',
        hash: hashOf(TABLE),
      },
    ]);
  });

  it('make-a-file stops if the run left none, and says what Claude answered', async () => {
    const execution = await (await site.author.make('make-a-file', { ...site.input, prompt: 'none' })).execute();
    expect(execution).toMatchObject({ status: 'error', data: { resultData: { lastNodeExecuted: 'No file' } } });
    const { runId } = runOf(execution);
    expect(execution.data.resultData.error?.message).toBe(
      `Claude left no file in run ${runId}. Its answer: echo: none`,
    );
  });

  it.each([
    ['too large', { exampleText: "={{ 'x'.repeat(1048577) }}" }, 'could not be processed', /^File too large: /],
    ['missing', { binaryField: 'other' }, "The item has no binary field 'other' [item 0]", /^Check that /],
  ])('ask-about-a-file stops at Ask Claude if the file is %s', async (_, input, message, description) => {
    const workflow = await site.author.make('ask-about-a-file', { ...site.input, ...input }, (node) => ({
      ...(node.name === 'Example file' ? intoData(node) : node),
      retryOnFail: false,
    }));
    const { data, status } = await workflow.execute();
    const { lastNodeExecuted, error } = data.resultData;
    expect([status, lastNodeExecuted]).toEqual(['error', 'Ask Claude']);
    expect(error?.message).toContain(message);
    expect(error?.description).toMatch(description);
  });

  it.each([
    ['ask-about-a-file', 'Answer'],
    ['make-a-file', 'Get file'],
  ])('%s stops if the run failed', async (file, last) => {
    const execution = await (await site.author.make(file, { ...site.input, prompt: 'fail' })).execute();
    expect(execution).toMatchObject({ status: 'error', data: { resultData: { lastNodeExecuted: 'Failed' } } });
    expect(runsOf(execution, last)).toBe(0);
    expect(execution.data.resultData.error?.message).toContain(`Claude: failed in run ${runOf(execution).runId}.`);
  });
});

describe('files with the real CLI', needs(missingN8n), () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.real();
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it('ask-about-a-file gives Claude the file to read', async () => {
    const prompt = '[[bash:cat "$CLAUDE_RUN_IN/orders.csv"]] Which product earned the most?';
    const execution = await (await site.author.make('ask-about-a-file', { ...site.input, prompt })).execute();
    expect(execution.status).toBe('success');
    expect(JSON.stringify(site.api?.messages().at(-1)?.body)).toContain('Coffee,80,720');
  });

  it('make-a-file gets the file that Claude made', async () => {
    const prompt = '[[bash:printf "Ladoga" > "$CLAUDE_RUN_OUT/Große Seen.txt"]] Make it.';
    const execution = await (await site.author.make('make-a-file', { ...site.input, prompt })).execute();
    expect(execution.status).toBe('success');
    expect(await filesFrom(site.n8n, execution)).toMatchObject([{ name: 'Große Seen.txt', hash: hashOf('Ladoga') }]);
  });
});

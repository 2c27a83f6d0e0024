import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { EXCEPTIONS } from './scanners/exceptions.ts';
import type { Exception } from './scanners/exceptions.ts';
import { checkov, kubeconform, kubeScore } from './scanners/findings.ts';
import type { Finding } from './scanners/findings.ts';
import { writeSchemas } from './scanners/schemas.ts';
import { findTool } from '../support/tools.ts';
import { needs } from '../support/needs.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'scanners-'));
const plan = path.join(folder, 'plan');
let files: string[] = [];

/** Makes objects of every kind. */
const CONFIG = {
  teamsWebhookUrl: { secure: 'v1:x' },
  n8nApiUrl: 'http://n8n.n8n.svc:5678',
  n8nApiKey: { secure: 'v1:x' },
  mcpServers: { secure: 'v1:x' },
  prometheusNamespace: 'monitoring',
  workspaceStorage: 'volume',
  workspaceAccessMode: 'ReadWriteMany',
  runners: '2',
  runnerReuse: 'false',
  // The Gateway's kinds are in few clusters; test/e2e/ingress.test.ts gives them to the API server itself.
  host: 'claude-agent.example.com',
  tlsSecret: 'claude-agent-tls',
  ingress: 'ingress',
  ingressClass: 'traefik',
  ingressNamespace: 'traefik',
};

beforeAll(async () => {
  const config = path.join(folder, 'Pulumi.scanned.yaml');
  writeFileSync(config, JSON.stringify({ config: CONFIG }));
  const args = ['stack/cli/main.ts', 'plan', '--config-file', config, '--out', plan];
  await execa(process.execPath, args, { env: { HOME: folder } });
  const isManifest = (file: string) => 'apiVersion' in (parse(readFileSync(file, 'utf8')) as object);
  const all = readdirSync(plan).map((name) => path.join(plan, name));
  files = all.filter(isManifest);
  for (const other of all.filter((file) => !files.includes(file))) rmSync(other);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const excepted = (scanner: Exception['scanner']) =>
  EXCEPTIONS.filter((exception) => exception.scanner === scanner).map(({ check, object }) => `${check} ${object}`);
const named = (findings: readonly Finding[]) => findings.map(({ check, object }) => `${check} ${object}`);

/** The same findings as exceptions: no other one, and none that is no longer found. */
function expectOnlyExceptions(scanner: Exception['scanner'], findings: readonly Finding[]): void {
  const known = new Set(excepted(scanner));
  expect(findings.filter(({ check, object }) => !known.has(`${check} ${object}`))).toEqual([]);
  expect(new Set(named(findings))).toEqual(known);
}

/** A copy of a manifest with one thing changed, which a scanner must find. */
function spoilt(name: string, from: string, to: string): string {
  const content = readFileSync(path.join(plan, name), 'utf8');
  const target = path.join(mkdtempSync(path.join(folder, 'spoilt-')), name);
  const changed = content.replace(from, to);
  expect(changed).not.toBe(content);
  writeFileSync(target, changed);
  return target;
}

const DEPLOYMENT = 'deployment-claude-code-agent.yaml';

const score = await findTool('kube-score');
describe('kube-score', needs('missing' in score ? score.missing : undefined), () => {
  const program = 'program' in score ? score.program : '';

  test('finds nothing but what there is a written reason for', async () => {
    expectOnlyExceptions('kube-score', await kubeScore(program, files));
  });

  test('finds what is wrong', async () => {
    const root = spoilt(DEPLOYMENT, 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false');
    const found = named(await kubeScore(program, [root]));
    expect(found).toContain('container-security-context-readonlyrootfilesystem Deployment/claude-code-agent');
  });
});

const check = await findTool('checkov');
describe('checkov', needs('missing' in check ? check.missing : undefined), () => {
  const program = 'program' in check ? check.program : '';

  test('finds nothing but what there is a written reason for', async () => {
    expectOnlyExceptions('checkov', await checkov(program, plan));
  });

  test('finds what is wrong', async () => {
    const escalating = spoilt(DEPLOYMENT, 'allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: true');
    const found = named(await checkov(program, path.dirname(escalating)));
    expect(found).toContain('CKV_K8S_20 Deployment/claude-code-agent');
  });
});

const conform = await findTool('kubeconform');
const openApi = await execa('kubectl', ['get', '--raw', '/openapi/v2'], { reject: false, timeout: 60_000 });
const without =
  'missing' in conform ? conform.missing : openApi.failed ? 'There is no cluster to ask for its schemas.' : undefined;
describe("kubeconform, with the schemas of the cluster's API server", needs(without), () => {
  const program = 'program' in conform ? conform.program : '';
  let schemas: string;
  beforeAll(() => {
    const kinds = files.map((file) => (parse(readFileSync(file, 'utf8')) as { kind: string }).kind);
    schemas = writeSchemas(openApi.stdout, path.join(folder, 'schemas'), new Set(kinds));
  });

  test('finds every object as the API server wants it', async () => {
    expect(await kubeconform(program, schemas, files)).toEqual({ findings: [], valid: files.length });
  });

  test.each([
    ['replicas: 1', 'replicas: one', 'got string, want integer'],
    ['revisionHistoryLimit', 'revisionHistorylimit', "additional properties 'revisionHistorylimit' not allowed"],
  ])('finds what is wrong: %j as %j', async (from, to, says) => {
    const { findings, valid } = await kubeconform(program, schemas, [spoilt(DEPLOYMENT, from, to)]);
    expect(valid).toBe(0);
    expect(findings).toEqual([
      expect.objectContaining({
        object: 'Deployment/claude-code-agent',
        says: expect.stringContaining(says) as string,
      }),
    ]);
  });
});

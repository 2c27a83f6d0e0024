import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { BUDGET_WARNING } from '../../agent/contract.ts';
import { labels, NAMES } from '../../stack/names.ts';
import { TOKEN_KEYS } from '../../stack/components/secrets/tokens.ts';
import { Agent } from '../support/agent.ts';
import { closedPort } from '../support/closed-port.ts';
import { needs } from '../support/needs.ts';
import { findTool } from '../support/tools.ts';
import { readDocument } from './markdown.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly endpoints: readonly { readonly authorization: { readonly credentials: object } }[];
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
}

const TESTS = 'test/docs/alerts.promtool.yaml';
const promtool = await findTool('promtool');
const missing = 'missing' in promtool ? promtool.missing : undefined;

describe('docs/alerts.yaml', () => {
  const manifests = parseAllDocuments(readDocument('docs/alerts.yaml')).map((each) => each.toJS() as Manifest);
  const of = (kind: string) => manifests.find((each) => each.kind === kind)?.spec;
  const rules = of('PrometheusRule')?.groups.flatMap((group) => group.rules) ?? [];
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'alerts-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('queries only metrics that the agent has', async () => {
    await using agent = await Agent.start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: await closedPort() } });
    const text = await (await agent.fetch('/metrics')).text();
    const known = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    const queried = rules.flatMap(({ expr }) => expr.match(/\b(?:claude_agent|process)_\w+/g) ?? []);
    expect(queried.length).toBeGreaterThan(rules.length);
    expect(queried.filter((name) => !known.has(name))).toEqual([]);
  });

  it("selects the agent's Service, with a token that cannot run prompts", () => {
    const { selector, endpoints } = of('ServiceMonitor') ?? { selector: { matchLabels: {} }, endpoints: [] };
    expect(labels('agent')).toMatchObject(selector.matchLabels);
    expect(endpoints[0]?.authorization.credentials).toEqual({
      name: NAMES.watchdogTokenSecret,
      key: TOKEN_KEYS.watchdogToken,
    });
    expect(manifests.map(({ metadata }) => metadata.namespace)).toEqual([NAMES.namespace, NAMES.namespace]);
  });

  it('speaks of a budget from the same share on as everybody else', () => {
    const rule = rules.find(({ alert }) => alert === 'ClaudeBudgetNearlySpent');
    expect(rule?.expr).toMatch(new RegExp(`>= ${BUDGET_WARNING}$`));
  });

  it('has a promtool test for every alert', () => {
    for (const { alert } of rules) expect(readDocument(TESTS)).toContain(alert);
  });

  it('passes the promtool tests', needs(missing), () => {
    writeFileSync(path.join(folder, 'rules.yaml'), stringify({ groups: of('PrometheusRule')?.groups }));
    const tests = { ...(parse(readDocument(TESTS)) as object), rule_files: ['rules.yaml'] };
    writeFileSync(path.join(folder, 'tests.yaml'), stringify(tests));
    const printed = execFileSync('program' in promtool ? promtool.program : '', ['test', 'rules', 'tests.yaml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(printed).toContain('SUCCESS');
  });
});

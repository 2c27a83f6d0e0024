import { beforeAll, describe, expect, test } from 'vitest';

import { loginFolder, REFRESH_TOKEN, runProgram } from '../stack/program.ts';
import { changed } from './change.ts';
import { mutations } from './mutations.ts';
import { violationsOf } from './rule.ts';
import type { Resource } from './rule.ts';
import { RULES } from './rules/all.ts';

const AZURE = {
  target: 'azure',
  azureSubscription: '11111111-2222-4333-8444-555555555555',
  azureRegistry: 'exampleacr',
  azureAdminGroups: '["aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"]',
  azureLogs: 'log-claude-agent',
};

/** The services that the watchdog calls. */
const NOTIFY = {
  teamsWebhookUrl: 'https://example.org/workflows/canary-of-teams',
  n8nApiUrl: 'http://n8n.n8n.svc:5678',
  n8nApiKey: 'canary-of-n8n-key',
};

/** A Gateway of AKS. */
const HOST = { host: 'claude-agent.example.com', tlsSecret: 'claude-agent-tls', sourceRanges: '["203.0.113.0/24"]' };

/** Configurations that together create every kind of object in every form. */
const CONFIGS: Record<string, Record<string, string>> = {
  'the defaults': {},
  'an OAuth token': { authMode: 'oauthToken', claudeToken: 'canary-claude-token' },
  'an API key': { authMode: 'apiKey', claudeToken: 'canary-claude-token' },
  'an identity of the pod, and servers and settings for Claude': {
    authMode: 'federation',
    federationRuleId: 'fdrl_1',
    federationOrganizationId: '11111111-2222-4333-8444-555555555555',
    mcpServers: '{"tickets":{"type":"http","url":"https://t.example.org","headers":{"Authorization":"canary-of-mcp"}}}',
    claudeSettings: '{"env":{"A":"canary-of-settings"}}',
  },
  'git hosts': {
    gitHosts: '[{"repositories":["https://github.com/acme/*"],"type":"github","tokenFile":"acme"}]',
    gitCredentials: '{"acme":"canary-of-git-host"}',
  },
  tracing: {
    otlpEndpoint: 'https://otlp.example.org',
    otlpHeaders: 'Authorization=Bearer%20canary-of-tracing',
  },
  'everything that can be created in Azure': AZURE,
  'an existing registry and cluster in Azure': {
    ...AZURE,
    azureRegistry: 'rg-shared/exampleacr',
    azureCluster: 'rg-shared/aks-shared',
    azureLogs: '',
  },
  'every option for pods and network': {
    workspaceStorage: 'volume',
    prometheusNamespace: 'monitoring',
    n8nPodLabels: '{"app.kubernetes.io/name":"n8n"}',
    nodeSelector: '{"agentpool":"user"}',
    tolerations: '[{"key":"dedicated","operator":"Exists"}]',
    extraLabels: '{"cost-center":"4711"}',
    podAnnotations: '{"prometheus.io/scrape":"true"}',
    httpsProxy: 'http://proxy.example.org:3128',
    extraEgress: '[{"namespace":"llm","port":8080},{"cidr":"10.1.0.0/16","port":3128}]',
    ...NOTIFY,
  },
  'runners that are replaced after each run': {
    runners: '3',
    warmRunners: '1',
    runnerReuse: 'false',
    runnerRuntimeClass: 'kata-vm-isolation',
    runnerEgress: 'none',
  },
  'runners that share a volume': {
    runners: '2',
    workspaceStorage: 'volume',
    workspaceAccessMode: 'ReadWriteMany',
  },
  'a Gateway': HOST,
  'a Gateway of another controller': { ...HOST, ingressClass: 'traefik', ingressNamespace: 'traefik' },
  'an Ingress': { ...HOST, ingress: 'ingress', ingressClass: 'traefik', ingressNamespace: 'traefik' },
  "claude in the agent's pod": { runners: '0', slots: '4' },
};

describe('the security rules', () => {
  test.each(Object.entries(CONFIGS))('hold for every resource with %s', async (_what, config) => {
    const sessionDir = loginFolder({ 'settings.json': '{"env":{"A":"canary-of-settings"}}' });
    const { resources } = await runProgram({ sessionDir, ...config });
    expect(violationsOf(RULES, resources)).toEqual([]);
  });

  describe('report a violation:', () => {
    let sound: readonly Resource[];
    beforeAll(async () => {
      sound = (await runProgram({ ...AZURE, ...NOTIFY, ...HOST })).resources;
    });

    const cases = mutations(REFRESH_TOKEN).map((mutation) => [mutation.breaks, mutation.by, mutation] as const);

    test.each(cases)('%s Broken by %s.', (must, _by, { change }) => {
      const broken = violationsOf(RULES, changed(sound, change));
      expect(broken.map((violation) => violation.must)).toContain(must);
    });

    test('every rule is broken at least once', () => {
      expect(new Set(cases.map(([must]) => must))).toEqual(new Set(RULES.map(({ must }) => must)));
    });
  });
});

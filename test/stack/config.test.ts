import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { ConfigError } from '../../stack/config-reader.ts';
import type { ConfigSource } from '../../stack/config-reader.ts';
import { readConfig } from '../../stack/config.ts';
import type { StackConfig } from '../../stack/config.ts';
import { defaults } from './program.ts';

function read(given: Record<string, string> = {}, onRead: (key: string) => void = () => undefined): StackConfig {
  const source: ConfigSource = {
    get: (key) => {
      onRead(key);
      return given[key] ?? defaults()[`claude-code-agent:${key}`];
    },
    getSecret: () => undefined,
  };
  return readConfig(source);
}

function mistakesOf(given: Record<string, string>): string {
  try {
    read(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

interface Schema {
  config: Record<string, { type: string; description: string; default?: unknown }>;
}
const schema = parse(readFileSync('Pulumi.yaml', 'utf8')) as Schema;

const AZURE = {
  target: 'azure',
  azureSubscription: '11111111-2222-4333-8444-555555555555',
  azureRegistry: 'exampleacr',
  azureAdminGroups: '["aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"]',
};

describe('the configuration', () => {
  test('is valid as Pulumi.yaml has it, and its values are typed', () => {
    expect(read()).toMatchObject({
      target: 'local',
      kubeContext: undefined,
      pinnedImage: undefined,
      authMode: 'session',
      queueLimit: 100,
      protectData: true,
      sessionExtras: [],
      extraEgress: [],
      callbackHosts: [],
      callbackGiveUpHours: 24,
      storageClass: undefined,
    });
  });

  test('has every key that the program reads in Pulumi.yaml, with a type, a description and a default', () => {
    const keys = new Set<string>();
    read({}, (key) => keys.add(key));
    expect([...keys].sort()).toEqual(Object.keys(schema.config).sort());
    for (const [key, entry] of Object.entries(schema.config)) {
      expect(entry.default, key).toBeDefined();
      expect(entry.description.length, key).toBeGreaterThan(10);
    }
  });

  test('names all mistakes at once, each with its key, what was given and what is allowed', () => {
    const message = mistakesOf({
      target: 'azure-stack',
      registry: 'https://example.org',
      image: 'claude-agent:latest',
      queueLimit: '-1',
      graceSeconds: 'ten',
      protectData: 'yes',
      memoryLimit: '8GB',
      n8nNamespace: 'N8N',
      watchdogSchedule: 'hourly',
      sessionExtras: '["projects"]',
      extraEgress: '[{"namespace":"llm"}]',
    });
    expect(message).toContain('11 mistake(s)');
    expect(message).toContain('target is "azure-stack"; it must be one of local, azure.');
    expect(message).toContain('registry is "https://example.org"; it must be a registry, such as');
    expect(message).toContain('image is "claude-agent:latest"; it must be an image by digest');
    expect(message).toContain('queueLimit is "-1"; it must be a whole number from 0 to 10000.');
    expect(message).toContain('graceSeconds is "ten"; it must be a whole number from 1 to 3600.');
    expect(message).toContain('protectData is "yes"; it must be true or false.');
    expect(message).toContain('memoryLimit is "8GB"; it must be a quantity');
    expect(message).toContain('n8nNamespace is "N8N"');
    expect(message).toContain('watchdogSchedule is "hourly"');
    expect(message).toContain('sessionExtras[0] is "projects"; it must be one of CLAUDE.md, skills, agents, commands');
    expect(message).toContain(
      'extraEgress[0] is {"namespace":"llm"}; it must be {"namespace": NAME, "port": NUMBER} or',
    );
    expect(message).toContain('npm run pulumi -- config set');
  });

  test.each(['..', '../other', '/etc', '', 'a/b', '.credentials.json', 'hooks'])(
    'refuses %j as something extra of the session',
    (name) => {
      expect(mistakesOf({ sessionExtras: JSON.stringify([name]) })).toContain('sessionExtras[0]');
    },
  );

  test.each([
    '[{"namespace":"llm","cidr":"10.0.0.0/8","port":1}]',
    '[{"namespace":"llm","port":0}]',
    '[{"namespace":"llm","port":"80"}]',
    '[{"cidr":"everything","port":80}]',
    '[{"namespace":"llm","port":80,"ports":[1]}]',
    '{"namespace":"llm","port":80}',
    'not json',
  ])('refuses %s as extra egress', (extraEgress) => {
    expect(mistakesOf({ extraEgress })).toContain('extraEgress');
  });

  test.each(['["https://n8n.example.org"]', '["*"]', '["a b"]', '[7]', '"n8n.example.org"'])(
    'refuses %s as hosts that callbacks may go to',
    (callbackHosts) => {
      expect(mistakesOf({ callbackHosts })).toContain('callbackHosts');
    },
  );

  test('refuses a host for callbacks that the network policy keeps out of reach', () => {
    const callbackHosts = '["n8n.example.org:8443", "hooks.tools.svc"]';
    const message = mistakesOf({ callbackHosts });
    expect(message).toContain('callbackHosts[0] is n8n.example.org:8443, which the network policy keeps out of reach');
    expect(message).toContain('callbackHosts[1] is hooks.tools.svc');
    expect(read({ callbackHosts, extraEgress: '[{"cidr":"10.1.0.0/16","port":8443}]' }).callbackHosts).toHaveLength(2);
    const reachable = '["n8n.example.org", "*.example.org:443", "n8n-webhook.n8n.svc.cluster.local"]';
    expect(read({ callbackHosts: reachable }).callbackHosts).toHaveLength(3);
  });

  test('asks for what a federation needs, where the mode is federation, and for https', () => {
    const message = mistakesOf({
      authMode: 'federation',
      federationServiceAccountId: 'fdrl_1',
      federationTokenSeconds: '60',
      anthropicBaseUrl: 'http://gateway.example.org:443',
    });
    expect(message).toContain('5 mistake(s)');
    expect(message).toContain('federationRuleId is empty; it must be the id of a federation rule (fdrl_…).');
    expect(message).toContain("federationOrganizationId is empty; it must be the organization's id");
    expect(message).toContain('federationServiceAccountId is "fdrl_1"; it must be');
    expect(message).toContain('federationTokenSeconds is "60"; it must be a whole number from 600 to 86400.');
    expect(message).toContain('with authMode federation it must begin with https://');
    expect(read().federation).toBeUndefined();
  });

  test('refuses a gateway that the network policy keeps out of reach', () => {
    expect(mistakesOf({ anthropicBaseUrl: 'http://gateway.llm.svc:8080' })).toContain('extraEgress must name it');
    expect(read({ anthropicBaseUrl: 'https://gateway.example.org' }).anthropicBaseUrl).toBe(
      'https://gateway.example.org',
    );
  });

  test('has what the target azure needs, typed; NAME is to be made, GROUP/NAME is there', () => {
    expect(read({ azureRegistry: 'exampleacr' }).azure).toBeUndefined();
    expect(read({ ...AZURE, azureLogs: 'rg-shared/log-shared' }).azure).toMatchObject({
      location: 'westeurope',
      resourceGroup: 'rg-claude-agent',
      registry: { kind: 'made', name: 'exampleacr' },
      cluster: { kind: 'made', name: 'aks-claude-agent' },
      identity: { kind: 'made', name: 'id-claude-agent' },
      logs: { kind: 'existing', group: 'rg-shared', name: 'log-shared' },
      grantPull: true,
    });
    const shared = { azureRegistry: 'rg-shared/iiusacr', azureCluster: 'rg-shared/aks-shared', azureAdminGroups: '[]' };
    expect(read({ ...AZURE, ...shared }).azure?.registry).toEqual({
      kind: 'existing',
      group: 'rg-shared',
      name: 'iiusacr',
    });
  });

  test('is valid in the example of a stack on Azure, with what it has commented out too', () => {
    const example = readFileSync('docs/Pulumi.prod.yaml', 'utf8');
    const made = example.replace(/^ {2}# {3}/gm, '  ');
    for (const text of [example, made]) {
      const { config } = parse(text, { uniqueKeys: false }) as { config: Record<string, unknown> };
      const given = Object.entries(config).map(([key, value]) => [
        key.replace('claude-code-agent:', ''),
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      const { azure } = read(Object.fromEntries(given) as Record<string, string>);
      expect(azure?.registry.kind).toBe(text === example ? 'existing' : 'made');
      expect(azure?.grantPull).toBe(text !== example);
    }
    expect(made).not.toBe(example);
  });

  test('names all that the target azure lacks, with the commands that tell it', () => {
    const message = mistakesOf({ target: 'azure', kubeContext: 'docker-desktop' });
    expect(message).toContain('4 mistake(s)');
    expect(message).toContain('azureSubscription is empty; it must be the id of a subscription: `az account show');
    expect(message).toContain(
      'azureRegistry is empty; it must be NAME to make one, or GROUP/NAME for one that is there',
    );
    expect(message).toContain('azureAdminGroups is empty, and the cluster has no local accounts');
    expect(message).toContain('kubeContext is for target local');
  });

  test.each([
    ['azureRegistry', 'my-registry'],
    ['azureRegistry', 'acr1'],
    ['azureRegistry', 'a/b/registry'],
    ['azureRegistry', 'group./exampleacr'],
    ['azureCluster', '-aks'],
    ['azureCluster', 'aks_'],
    ['azureCluster', 'a'.repeat(64)],
    ['azureResourceGroup', 'group.'],
    ['azureResourceGroup', 'my group'],
    ['azureIdentity', 'id'],
    ['azureIdentity', '-identity'],
    ['azureLogs', 'log'],
    ['azureLogs', 'log_claude'],
    ['azureLocation', 'West Europe'],
    ['azureSubscription', 'Production'],
    ['azureVmSize', 'D4s_v5'],
    ['azureLogsDays', '7'],
    ['azureNodesMin', '0'],
    ['azureRegistrySku', 'Classic'],
    ['azureClusterTier', 'Paid'],
    ['azureAdminGroups', '["admins"]'],
    ['azureApiServerRanges', '["everywhere"]'],
  ])('refuses %s %j, which Azure would refuse later', (key, value) => {
    expect(mistakesOf({ ...AZURE, [key]: value })).toContain(key);
  });

  test.each([
    ['more machines at least than at most', { azureNodesMin: '4', azureNodesMax: '2' }, 'more than azureNodesMax'],
    ['machines of another processor', { azureVmSize: 'Standard_D4ps_v5' }, 'platform is linux/amd64'],
    ['the wrong machines for ARM', { platform: 'linux/arm64' }, 'machines of azureVmSize Standard_D4s_v5 are not'],
    [
      'a workspace that nothing would log to',
      { azureRegistry: 'rg/exampleacr', azureCluster: 'rg/aks', azureLogs: 'log-claude-agent' },
      'nothing would log to it',
    ],
  ])('refuses %s', (_what, given, said) => {
    expect(mistakesOf({ ...AZURE, ...given })).toContain(said);
  });

  test('refuses a gateway with a password in its address', () => {
    expect(mistakesOf({ anthropicBaseUrl: 'https://user:pw@gateway.example.org' })).toContain('anthropicBaseUrl');
  });
});

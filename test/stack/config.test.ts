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
    expect(message).toContain('target is "azure-stack"; it must be one of local.');
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

  test('refuses a gateway that the network policy keeps out of reach', () => {
    expect(mistakesOf({ anthropicBaseUrl: 'http://gateway.llm.svc:8080' })).toContain('extraEgress must name it');
    expect(read({ anthropicBaseUrl: 'https://gateway.example.org' }).anthropicBaseUrl).toBe(
      'https://gateway.example.org',
    );
  });

  test('refuses a gateway with a password in its address', () => {
    expect(mistakesOf({ anthropicBaseUrl: 'https://user:pw@gateway.example.org' })).toContain('anthropicBaseUrl');
  });
});

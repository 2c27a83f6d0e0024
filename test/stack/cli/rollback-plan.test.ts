import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { CliError } from '../../../stack/cli/system/terminal.ts';
import { listOf } from '../../../stack/cli/rollback/update-list.ts';
import { rollbackPlan } from '../../../stack/cli/rollback/plan.ts';
import type { UpdateRecord } from '../../../stack/update-record.ts';

const image = (digit: string) => `127.0.0.1:5000/claude-agent@sha256:${digit.repeat(64)}`;
const schema = parse(readFileSync('Pulumi.yaml', 'utf8')) as { config: Record<string, { default: unknown }> };
const DEFAULTS = Object.fromEntries(
  Object.entries(schema.config).map(([key, { default: value }]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]),
);
const record = (number: number, changes: Partial<UpdateRecord> = {}, config: Record<string, string> = {}) => ({
  number,
  time: `2026-01-0${number}T03:04:05.678Z`,
  image: image(String(number)),
  login: '111111111111',
  token: '222222222222',
  claude: '',
  git: '',
  ...changes,
  config: { ...DEFAULTS, ...config },
});
const back = (to: UpdateRecord, content: string, current: UpdateRecord = record(9)) =>
  rollbackPlan(String(to.number), [current, to], content, process.cwd());

describe('a rollback to an update', () => {
  test("sets that update's config in the stack's file, pins its image, and leaves comments and secrets", () => {
    const content = `# ours
encryptionsalt: v1:salt
config:
  claude-code-agent:queueLimit: 7 # for a test
  claude-code-agent:agentToken:
    secure: v1:secret
  other:key: stays
`;
    const plan = back(record(2, {}, { graceSeconds: '60' }), content);
    expect(plan.content).toBe(`# ours
encryptionsalt: v1:salt
config:
  claude-code-agent:agentToken:
    secure: v1:secret
  other:key: stays
  claude-code-agent:image: ${image('2')}
  claude-code-agent:graceSeconds: "60"
`);
    expect(plan.description.split('\n')).toEqual([
      'Roll back to update 2 of 2026-01-02T03:04:05.678Z:',
      '  image 999999999999 -> 222222222222, pinned from now on',
      '  queueLimit 7 -> 100',
      '  graceSeconds 300 -> 60',
    ]);
  });

  test('keeps the callers, whose retired tokens would be valid again, and says so if that version knows none', () => {
    const caller = (digit: string) => ({ name: 'n8n', sha256: [digit.repeat(64)], may: ['run'] });
    const content = `config:\n  claude-code-agent:callers:\n    - ${JSON.stringify(caller('b'))}\n`;
    const earlier = record(2, {}, { callers: JSON.stringify([caller('a')]) });
    const plan = back(earlier, content);
    expect((parse(plan.content) as { config: object }).config).toMatchObject({
      'claude-code-agent:callers': [caller('b')],
    });
    expect(plan.description).toMatch(/callers was .*a{64}.*: stays .*b{64}/);
    const { callers: _, ...before } = record(3).config;
    const older = back({ ...record(3), config: before }, content);
    expect(older.description).toContain('callers: that version knows none, so that their tokens get 401');
  });

  test('keeps the budgets, and says so if that version knows none', () => {
    const content = 'config:\n  claude-code-agent:budgets:\n    - { usd: 50, per: day }\n';
    const plan = back(record(2, {}, { budgets: '[{"usd":5,"per":"day"}]' }), content);
    expect((parse(plan.content) as { config: object }).config).toMatchObject({
      'claude-code-agent:budgets': [{ usd: 50, per: 'day' }],
    });
    expect(plan.description).toContain('budgets was [{"usd":5,"per":"day"}]: stays [{"per":"day","usd":50}]');
    const { budgets: _, ...before } = record(3).config;
    const missing =
      'budgets: that version knows none, so that nothing limits what runs spend until you go forward again';
    expect(back({ ...record(3), config: before }, content).description).toContain(missing);
    expect(back({ ...record(3), config: before }, 'config: {}\n').description).not.toContain('budgets');
  });

  test('keeps the git hosts, which need the secret that stays, and says so if that version knows none', () => {
    const host = (organization: string) => ({ repositories: [`https://github.com/${organization}/*`], type: 'github' });
    const content = `config:\n  claude-code-agent:gitHosts:\n    - ${JSON.stringify(host('acme'))}\n`;
    const earlier = record(2, { git: 'another' }, { gitHosts: JSON.stringify([host('former')]) });
    const plan = back(earlier, content);
    expect((parse(plan.content) as { config: object }).config).toMatchObject({
      'claude-code-agent:gitHosts': [host('acme')],
    });
    expect(plan.description).toMatch(/gitHosts was .*former.*: stays .*acme/);
    expect(plan.description).toContain('credentials for git hosts were different: the current ones stay');
    const { gitHosts: _, ...before } = record(3).config;
    expect(back({ ...record(3), config: before }, content).description).toContain(
      'gitHosts: that version knows none, so that runs with git are refused until you go forward again',
    );
  });

  test('takes the host away if that update was made before there was one, because its image applies no source ranges', () => {
    const keys = ['host', 'ingress', 'ingressClass', 'ingressNamespace', 'ingressAnnotations', 'tlsSecret'];
    const newer = [...keys, 'sourceRanges', 'trustedProxies'];
    const before = Object.fromEntries(Object.entries(DEFAULTS).filter(([key]) => !newer.includes(key)));
    const content = `config:
  claude-code-agent:host: claude-agent.example.com
  claude-code-agent:tlsSecret: claude-agent-tls
  claude-code-agent:sourceRanges: [203.0.113.0/24]
  claude-code-agent:trustedProxies: 2
`;
    const plan = back({ ...record(2), config: before }, content);
    expect(plan.description).toContain("  host claude-agent.example.com -> ''");
    expect(parse(plan.content)).toEqual({ config: { 'claude-code-agent:image': image('2') } });
  });

  test("returns claude to the agent's pod if that update was made before there were runners", () => {
    const { runners: _runners, ...before } = DEFAULTS;
    const old = { ...record(2), config: { ...before, workspaceLifetime: 'keep' } };
    const plan = back(old, 'config: {}\n');
    expect(plan.description).toContain('runners 1 -> 0');
    expect(plan.description).toContain('workspaceLifetime');
    expect(parse(plan.content)).toMatchObject({
      config: {
        'claude-code-agent:runners': expect.anything() as unknown,
        'claude-code-agent:workspaceLifetime': 'keep',
      },
    });
  });

  test('creates a file if the stack has none', () => {
    expect(parse(back(record(2), '').content)).toEqual({ config: { 'claude-code-agent:image': image('2') } });
  });

  test('writes lists as lists, and compares them by value however they are written', () => {
    const egress = '[{"namespace":"llm","port":8080}]';
    const plan = back(record(2, {}, { extraEgress: egress }), '');
    expect(parse(plan.content)).toMatchObject({
      config: { 'claude-code-agent:extraEgress': [{ namespace: 'llm', port: 8080 }] },
    });
    const same = 'config:\n  claude-code-agent:extraEgress:\n    - port: 8080\n      namespace: llm\n';
    expect(back(record(2, {}, { extraEgress: egress }), same).description).not.toContain('extraEgress');
  });

  test('keeps a text that begins like a list as a text', () => {
    const reason = '[planned] the cluster gets new nodes';
    const plan = back(record(2, {}, { maintenanceReason: reason }), '');
    expect(parse(plan.content)).toMatchObject({ config: { 'claude-code-agent:maintenanceReason': reason } });
    expect(back(record(2, {}, { maintenanceReason: reason }), plan.content).description).not.toContain('Reason');
  });

  test('keeps the location of the stack and of its data, and reports it', () => {
    const content = 'config:\n  claude-code-agent:volumeSize: 20Gi\n  claude-code-agent:registry: other.azurecr.io\n';
    const plan = back(record(2), content);
    expect(parse(plan.content)).toMatchObject({
      config: { 'claude-code-agent:volumeSize': '20Gi', 'claude-code-agent:registry': 'other.azurecr.io' },
    });
    expect(plan.description).toContain('volumeSize was 10Gi: stays 20Gi');
    expect(plan.description).toContain('registry was 127.0.0.1:5000: stays other.azurecr.io');
  });

  test('keeps config that belongs to a secret, which only the file has', () => {
    const content =
      'config:\n  claude-code-agent:n8nApiUrl: http://n8n.test\n  claude-code-agent:n8nApiKey:\n    secure: v1:x\n';
    const plan = back(record(2), content);
    expect(plan.content).toContain(content);
    expect(plan.description).toContain("n8nApiUrl was '': stays http://n8n.test");
  });

  test('reports keys that no longer exist, and that login and token stay', () => {
    const plan = back(record(2, { login: 'another', token: 'another', claude: 'another' }, { formerKey: 'x' }), '');
    expect(plan.description).toContain('formerKey was x: ignored, the key no longer exists');
    expect(plan.description).toContain('login was different: the login in the cluster stays');
    expect(plan.description).toContain("claude's MCP servers or settings were different: the current ones stay");
    expect(plan.description).toContain('API token was different: the current one stays');
    expect(plan.content).not.toContain('formerKey');
  });

  test.each(['3', 'x', '-1', '02'])('is refused for a number without a record: %s', (number) => {
    const go = () => rollbackPlan(number, [record(4), record(2)], '', process.cwd());
    expect(go).toThrow(CliError);
    expect(go).toThrow(`There is no record of update ${number}. Available: 4, 2.`);
  });
});

describe('the list of updates', () => {
  test('has a line per update: number, time, image, what it changed', () => {
    const records = [
      record(3, { image: image('1') }, { queueLimit: '50', image: image('1') }),
      record(2, { login: '3', claude: '4', git: '5' }, { queueLimit: '50' }),
      record(1),
    ];
    expect(listOf(records)).toBe(`update  when               image         what it changed
3       2026-01-03 03:04Z  111111111111  image, login, claude's MCP servers or settings, credentials for git hosts, pinned
2       2026-01-02 03:04Z  222222222222  image, login, claude's MCP servers or settings, credentials for git hosts, queueLimit 100 -> 50
1       2026-01-01 03:04Z  111111111111  oldest recorded update

To roll back to one of them: npm run rollback -- NUMBER
`);
  });

  test('says so when it is empty', () => {
    expect(listOf([])).toContain('There is no record of an update yet');
  });
});

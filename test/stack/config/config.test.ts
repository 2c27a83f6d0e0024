import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { readProject } from '../../../stack/config/stack-file.ts';
import { SECRETS } from '../../../stack/config/secrets.ts';
import { mistakesOf, read } from './read.ts';

const AZURE = {
  target: 'azure',
  azureSubscription: '11111111-2222-4333-8444-555555555555',
  azureRegistry: 'exampleacr',
  azureAdminGroups: '["aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"]',
};

describe('the configuration', () => {
  test('is valid with the defaults of Pulumi.yaml, and its values are typed', () => {
    expect(read()).toMatchObject({
      target: 'local',
      kubeContext: undefined,
      pinnedImage: undefined,
      authMode: 'session',
      slots: 1,
      queueLimit: 100,
      protectData: true,
      sessionExtras: [],
      extraEgress: [],
      callbackHosts: [],
      callbackGiveUpHours: 24,
      storageClass: undefined,
    });
  });

  test('has every key that the program reads in Pulumi.yaml or among the secrets, and no other', () => {
    const keys = new Set<string>();
    read({}, (key) => keys.add(key));
    const { config } = readProject('.');
    expect([...keys].sort()).toEqual([...Object.keys(config), ...Object.keys(SECRETS)].sort());
    for (const [key, { type, description, default: value }] of Object.entries(config)) {
      expect(value, key).toBeDefined();
      expect(type, key).toBe(Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value);
      expect(description.length, key).toBeGreaterThan(10);
    }
  });

  test('lists all invalid values at once, and how to fix them', () => {
    const message = mistakesOf({
      target: 'moon',
      queueLimit: '-1',
      protectData: 'yes',
      registy: 'x',
      memoryLimit: '1Gi',
    });
    expect(message).toContain('is invalid (5)');
    for (const key of ['target', 'queueLimit', 'protectData', 'registy', 'memoryRequest']) {
      expect(message).toContain(`\n  - ${key} is `);
    }
    expect(message).toContain('npm run pulumi -- config set KEY VALUE');
  });

  test.each([
    ['target', 'moon', 'must be one of local, azure'],
    ['kubeContext', 'a b', 'without spaces'],
    ['registry', 'https://example.org', 'must be a registry, such as'],
    ['image', 'claude-agent:latest', 'must be an image by digest'],
    ['nodeImage', 'Node 24', 'must be the name of an image'],
    ['platform', 'windows/amd64', 'must be one of linux/amd64, linux/arm64'],
    ['authMode', 'password', 'must be one of session, oauthToken, apiKey, federation'],
    ['sessionDir', ' ', 'must be a folder'],
    ['sessionFrom', 'laptop', 'must be one of folder, cluster'],
    ['sessionExtras', '"skills"', 'must be a list of names'],
    ['permissionMode', 'yolo', 'must be one of bypassPermissions'],
    ['approve', 'Bash', 'must be a list of tools'],
    ['approve', '["Edit(src/**)"]', 'must be the name of a tool, or a pattern of Bash'],
    ['approve', '["Bash(git push*)"]', 'but permissionMode is bypassPermissions'],
    ['decisionMinutes', '1441', 'must be a whole number from 1 to 1440'],
    ['model', '--help', 'it must be the name of a model, such as "sonnet"'],
    ['slots', '65', 'must be a whole number from 1 to 64'],
    ['maxRunMinutes', '0', 'must be a whole number from 1 to 1440'],
    ['maxRunMinutes', '1441', 'must be a whole number from 1 to 1440'],
    ['onUsageLimit', 'pause', 'must be one of wait, fail'],
    ['queueLimit', '10001', 'must be a whole number from 0 to 10000'],
    ['graceSeconds', 'ten', 'must be a whole number from 1 to 3600'],
    ['recordDays', '0', 'must be a whole number from 1 to 3650'],
    ['recordCount', '1.5', 'must be a whole number from 1 to 1000000'],
    ['fileMegabytes', '129', 'fileMegabytes is 129Mi, above runFilesMegabytes (128Mi).'],
    ['runFilesMegabytes', '1001', 'must be a whole number from 1 to 1000'],
    ['filesMegabytes', '100', 'runFilesMegabytes is 128Mi, above filesMegabytes (100Mi).'],
    ['recordMegabytes', '9', 'must be a whole number from 10 to 100000'],
    ['transcriptDays', '-1', 'must be a whole number from 0 to 3650'],
    ['logLevel', 'loud', 'must be one of trace, debug'],
    ['anthropicBaseUrl', 'https://user:pw@gateway.example.org', 'must be an http(s) URL without user'],
    ['anthropicBaseUrl', 'http://gateway:99999', 'must be an http(s) URL'],
    ['cpuRequest', '1 core', 'must be a CPU quantity'],
    ['cpuLimit', '', 'cpuLimit is empty; it must be a CPU quantity'],
    ['memoryRequest', '2GB', 'must be a quantity, such as 2Gi'],
    ['memoryLimit', '8g', 'must be a quantity, such as 2Gi'],
    ['workspaceStorage', 'disk', 'must be one of emptyDir, volume'],
    ['workspaceSize', '-1Gi', 'must be a quantity'],
    ['volumeSize', '10', 'recordMegabytes is 512M, above volumeSize (10)'],
    ['storageClass', 'Fast Disk', 'must be the name of a storage class'],
    ['protectData', 'yes', 'must be true or false'],
    ['n8nNamespace', 'N8N', 'must be the name of a namespace'],
    ['n8nPodLabels', '["n8n"]', 'must be a map of strings'],
    ['n8nPodLabels', '{"app":true}', 'n8nPodLabels.app is true; it must be a Kubernetes label'],
    ['n8nPort', '0', 'must be a whole number from 1 to 65535'],
    ['prometheusNamespace', 'a.b', 'must be the name of a namespace'],
    ['httpsProxy', 'proxy:3128', 'must be an http(s) URL without user or path'],
    ['noProxy', 'a, b', 'separated by commas without spaces'],
    ['nodeSelector', '{"a b":"c"}', 'nodeSelector.a b is "c"; it must be a Kubernetes label'],
    ['extraLabels', '{"app.kubernetes.io/name":"x"}', 'are reserved'],
    ['extraLabels', '{"cost":"a b"}', 'must be a Kubernetes label'],
    ['podAnnotations', '{"claude-agent/x":"y"}', 'is reserved'],
    ['podAnnotations', '{"prometheus.io/scrape":true}', 'whose value is a quoted string'],
    ['cpuRequest', '5', 'cpuRequest is 5, above cpuLimit (4)'],
    ['cpuRequest', '4001m', 'cpuRequest is 4001m, above cpuLimit (4)'],
    ['memoryRequest', '9Gi', 'memoryRequest is 9Gi, above memoryLimit (8Gi)'],
    ['watchdogSchedule', 'hourly', 'must be a cron expression of five fields'],
    ['n8nApiUrl', 'n8n:5678', 'must be an http(s) URL without user'],
    ['n8nApiUrl', 'https://n8n.example.org', 'n8nApiUrl is set, but n8nApiKey is not'],
    ['n8nApiKey', 'x', 'n8nApiKey is set, but n8nApiUrl is not'],
    ['n8nUrl', 'n8n', 'must be an http(s) URL without user'],
    ['n8nTag', 'a,b', 'must be the name of one tag'],
    ['pageUrl', 'http://claude-agent.example.org', 'must be an https URL without user, query or fragment'],
    ['pageUrl', 'https://user:pw@claude-agent.example.org', 'must be an https URL without user'],
    ['pageUrl', 'https://claude-agent.example.org/?token=x', 'must be an https URL without user, query'],
    ['guideUrl', 'wiki', 'must be an http(s) URL'],
    ['reminderHours', '0', 'must be a whole number from 1 to 168'],
    ['maintenanceReason', '', 'must be a text of 1 to 500 characters'],
    ['maintenanceMinutes', '10081', 'must be a whole number from 1 to 10080'],
  ])('rejects %s %j', (key, value, words) => {
    const message = mistakesOf({ [key]: value });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(words);
  });

  test.each([
    ['claudeToken', 'two canaries', 'must be one token or key'],
    ['agentToken', 'canary\n', 'must be visible ASCII characters'],
    ['agentToken', '', 'must be visible ASCII characters'],
    ['callbackSecret', 'hush-canary', 'must be whsec_ followed by 24 to 64 bytes in base64'],
    ['callbackSecret', 'whsec_canary', 'must be whsec_'],
    ['callbackSecret', '', 'Create one: `echo "whsec_$(openssl rand -base64 32)"`'],
    ['mcpServers', 'no json canary', 'is not a JSON object'],
    ['mcpServers', '[]', 'is not a JSON object'],
    ['mcpServers', '{"a":{"url":"https://canary"}}', ': a must be {"command": PROGRAM'],
    ['mcpServers', '{"a b":{"command":"canary"}}', ': a b must be'],
    ['claudeSettings', '"canary"', 'is not a JSON object'],
    ['gitCredentials', 'canary', 'is not a JSON object'],
    ['gitCredentials', '{"acme":7}', ': acme must be a token or a private key in PEM'],
    ['gitCredentials', '{"acme.pem":"canary"}', ': acme.pem must be'],
    ['teamsWebhookUrl', 'canary.example.org', 'must be the http(s) URL of a Teams Workflows webhook'],
    ['teamsWebhookUrl', 'https://', 'must be the http(s) URL'],
  ])('rejects the secret %s %j without showing it', (key, value, words) => {
    const message = mistakesOf({ [key]: value });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(`${key} (not shown)`);
    expect(message).toContain(words);
    expect(message).not.toContain('canary');
  });

  test('rejects claudeToken in plain text, and accepts it encrypted', () => {
    const message = (() => {
      try {
        read({ claudeToken: 'sk-canary' }, undefined, ['claudeToken']);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(message).toContain('claudeToken (not shown) is in plain text.');
    expect(message).toContain('`npm run pulumi -- config set --secret claudeToken`');
    expect(message).not.toContain('canary');
    expect(() => read({ claudeToken: 'sk-canary' })).not.toThrow();
  });

  test.each([
    ['{"permision":{}}', 'claude has no setting permision (did you mean permissions?)'],
    ['{"permissions":{"denny":["canary"]}}', 'claude has no setting permissions.denny (did you mean deny?)'],
    ['{"hooks":{"PreTooluse":[]}}', 'claude has no setting hooks.PreTooluse (did you mean PreToolUse?)'],
    ['{"sandbox":{"network":{"deniedDomain":[]}}}', 'did you mean deniedDomains?'],
    ['{"xyzzyxyzzy":"canary","model":"opus"}', 'claude has no setting xyzzyxyzzy.'],
  ])('rejects the settings %s, whose key claude would ignore', (claudeSettings, words) => {
    const message = mistakesOf({ claudeSettings });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(words);
    expect(message).not.toContain('canary');
  });

  test('accepts settings with any key that claude knows', () => {
    const claudeSettings = '{"model":"opus","permissions":{"deny":["Bash"]},"env":{"ANY":"1"},"hooks":{"Stop":[]}}';
    expect(() => read({ claudeSettings })).not.toThrow();
  });

  test('lists invalid secrets together with all other invalid values', () => {
    expect(mistakesOf({ queueLimit: '-1', n8nApiKey: 'a b', mcpServers: '[]' })).toContain('is invalid (4)');
  });

  test('rejects an unknown key, and suggests the one that was meant', () => {
    expect(mistakesOf({ queuelimit: '5' })).toContain(
      'queuelimit is not a config key; queueLimit is. Remove it: `npm run pulumi -- config rm queuelimit`.',
    );
  });

  test.each(['* * * * *', '*/30 * * * *', '0,30 8-18 1 JAN-MAR Mon', '5/15 0 ? * 0-6', '0 0 31 12 6'])(
    'accepts %j as a schedule',
    (watchdogSchedule) => {
      expect(read({ watchdogSchedule }).watchdogSchedule).toBe(watchdogSchedule);
    },
  );

  test.each([
    'hourly',
    '@hourly',
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 7',
    '*/0 * * * *',
    '5-1 * * * *',
    '* * * * Someday',
    'TZ=UTC * * * * *',
  ])('rejects %j as a schedule', (watchdogSchedule) => {
    expect(mistakesOf({ watchdogSchedule })).toContain('must be a cron expression of five fields');
  });

  test.each([
    '[{"key":"a"}]',
    '[{"operator":"Exists"}]',
    '[{"key":"a","operator":"Equal","value":"b","effect":"NoExecute"}]',
  ])('accepts %s as tolerations', (tolerations) => {
    expect(read({ tolerations }).placement.tolerations).toEqual(JSON.parse(tolerations));
  });

  test.each([
    '{}',
    '["a"]',
    '[{"key":"a","value":1}]',
    '[{"value":"b"}]',
    '[{"key":"a","operator":"Exists","value":"b"}]',
    '[{"key":"a","operator":"In"}]',
    '[{"key":"a","effect":"Never"}]',
    '[{"key":"a","seconds":"5"}]',
  ])('rejects %s as tolerations', (tolerations) => {
    expect(mistakesOf({ tolerations })).toContain('tolerations');
  });

  test.each(['..', '../other', '/etc', '', 'a/b', '.credentials.json', 'hooks'])(
    'rejects %j as an extra entry of the session',
    (name) => {
      expect(mistakesOf({ sessionExtras: JSON.stringify([name]) })).toContain('sessionExtras[0]');
    },
  );

  test.each([
    '[{"namespace":"llm","cidr":"10.0.0.0/8","port":1}]',
    '[{"namespace":"llm","port":0}]',
    '[{"namespace":"llm","port":"80"}]',
    '[{"cidr":"everything","port":80}]',
    '[{"cidr":"999.0.0.0/8","port":80}]',
    '[{"cidr":"10.0.0.0/33","port":80}]',
    '[{"cidr":"10.0.0.1","port":80}]',
    '[{"cidr":"169.254.169.254/32","port":80}]',
    '[{"cidr":"168.63.0.0/16","port":80}]',
    '[{"cidr":"0.0.0.0/0","port":80}]',
    '[{"namespace":"llm","port":80,"ports":[1]}]',
    '{"namespace":"llm","port":80}',
    'not json',
  ])('rejects %s as extra egress', (extraEgress) => {
    expect(mistakesOf({ extraEgress })).toContain('extraEgress');
  });

  test.each([
    ['anthropicBaseUrl', 'http://gateway.llm.svc:8080'],
    ['anthropicBaseUrl', 'https://gateway.llm.svc'],
    ['anthropicBaseUrl', 'http://gateway.example.org'],
    ['httpsProxy', 'http://proxy.example.org:3128'],
    ['n8nApiUrl', 'http://n8n.automation.svc:5678'],
    ['n8nApiUrl', 'http://n8n.example.org:5678'],
  ])('rejects %s %s, which the network policy blocks, unless the config allows it', (key, value) => {
    const given = { [key]: value, ...(key === 'n8nApiUrl' && { n8nApiKey: 'key' }) };
    expect(mistakesOf(given)).toContain('Allow it in extraEgress');
    expect(read({ ...given, extraEgress: '[{"cidr":"10.1.0.0/16","port":8080}]' })).toMatchObject({ [key]: value });
  });

  test.each([
    'http://n8n.n8n:5678',
    'http://n8n.n8n.svc',
    'http://n8n-main.n8n.svc.cluster.local:5678',
    'https://n8n.example.org',
  ])('needs no extra egress for n8n at %s', (n8nApiUrl) => {
    expect(read({ n8nApiUrl, n8nApiKey: 'key' }).n8nApiUrl).toBe(n8nApiUrl);
  });

  test('has callers, and reports everything that is wrong with them at once', () => {
    const callers = [{ name: 'n8n', sha256: ['a'.repeat(64)], may: ['run'], labels: { team: 'x' } }];
    expect(read({ callers: JSON.stringify(callers) }).callers).toEqual(callers);
    expect(read({}).callers).toEqual([]);
    const wrong = [{ name: 'n8n', may: ['run'] }, { ...callers[0], may: ['write'] }, null];
    const found = mistakesOf({ callers: JSON.stringify(wrong) });
    expect(found).toContain(
      'callers[0].sha256 is missing; it must be a list of one or two SHA-256, each 64 hex digits.',
    );
    expect(found).toContain('callers[1].may is ["write"]; it must be a list of one or more of run, read, admin.');
    expect(found).toContain('callers[2] must be an object');
    expect(found).toContain('callers: the name "n8n" occurs more than once.');
    expect(mistakesOf({ callers: '{}' })).toContain('callers is "{}"; it must be a list of callers, such as');
  });

  test('has budgets, and reports everything that is wrong with them at once', () => {
    const callers = JSON.stringify([{ name: 'n8n', sha256: ['a'.repeat(64)], may: ['run'] }]);
    const budgets = [
      { usd: 200, per: 'month' },
      { usd: 0.5, per: 'hour', caller: 'n8n', label: 'workflow' },
      { usd: 9, per: 'day', caller: 'operator' },
    ];
    expect(read({ callers, budgets: JSON.stringify(budgets) }).budgets).toEqual(budgets);
    expect(read({}).budgets).toEqual([]);
    const wrong = [
      { usd: 0, per: 'day' },
      { usd: -1, per: 'week', caller: 'grafana' },
      { usd: 'much', per: 'day' },
      { usd: 1, per: 'hour', label: '', team: 'x' },
      7,
    ];
    const found = mistakesOf({ callers, budgets: JSON.stringify(wrong) });
    for (const mistake of [
      'budgets[0].usd is 0; it must be a number over 0, at most 1000000.',
      'budgets[1].usd is -1; it must be',
      'budgets[1].per is "week"; it must be one of hour, day, month.',
      'budgets[1].caller is "grafana"; it must be one of the callers operator, n8n.',
      'budgets[2].usd is "much"; it must be',
      'budgets[2] has the same per, caller and label as [0].',
      'budgets[3].label is ""; it must be the name of a label',
      'budgets[3].team is unknown; a budget has usd, per, caller, label.',
      'budgets[4] must be an object with usd, per, caller, label.',
    ]) {
      expect(found).toContain(mistake);
    }
    const many = Array.from({ length: 51 }, (_, at) => ({ usd: 1, per: 'day', label: `label-${at}` }));
    expect(mistakesOf({ budgets: JSON.stringify(many) })).toContain(
      'budgets: there are 51, and at most 50 are allowed',
    );
    expect(mistakesOf({ budgets: '{}' })).toContain('budgets is "{}"; it must be a list of budgets, such as');
  });

  test('reports budgets beside callers that are wrong, too', () => {
    const found = mistakesOf({ callers: '[null]', budgets: '[{"usd": 0, "per": "day"}]' });
    expect(found).toContain('callers[0] must be an object');
    expect(found).toContain('budgets[0].usd is 0');
  });

  test('needs no extra egress for a gateway on port 443 of the internet', () => {
    expect(read({ anthropicBaseUrl: 'https://gateway.example.org' }).anthropicBaseUrl).toBe(
      'https://gateway.example.org',
    );
  });

  test.each(['["https://n8n.example.org"]', '["*"]', '["a b"]', '[7]', '"n8n.example.org"'])(
    'rejects %s as hosts that may receive callbacks',
    (callbackHosts) => {
      expect(mistakesOf({ callbackHosts })).toContain('callbackHosts');
    },
  );

  test('rejects a callback host that the network policy blocks', () => {
    const callbackHosts = '["n8n.example.org:8443", "hooks.tools.svc"]';
    const message = mistakesOf({ callbackHosts });
    expect(message).toContain('callbackHosts[0] is n8n.example.org:8443, which the network policy blocks');
    expect(message).toContain('callbackHosts[1] is hooks.tools.svc');
    expect(read({ callbackHosts, extraEgress: '[{"cidr":"10.1.0.0/16","port":8443}]' }).callbackHosts).toHaveLength(2);
    const reachable = '["n8n.example.org", "*.example.org:443", "n8n-webhook.n8n.svc.cluster.local"]';
    expect(read({ callbackHosts: reachable }).callbackHosts).toHaveLength(3);
  });

  test('has typed values for the target azure; NAME is to be created, GROUP/NAME exists', () => {
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

  test('is valid in the example of a stack on Azure, also with its commented lines', () => {
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

  test('lists everything that the target azure lacks, with the commands that print it', () => {
    const message = mistakesOf({ target: 'azure', kubeContext: 'docker-desktop' });
    expect(message).toContain('is invalid (4)');
    expect(message).toContain('azureSubscription is empty; it must be the ID of a subscription (`az account show');
    expect(message).toContain(
      'azureRegistry is empty; it must be NAME to create one, or GROUP/NAME for an existing one',
    );
    expect(message).toContain('azureAdminGroups is empty, so nobody could log in: the cluster has no local accounts');
    expect(message).toContain('kubeContext is only for target local');
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
  ])('rejects %s %j, which Azure would reject later', (key, value) => {
    expect(mistakesOf({ ...AZURE, [key]: value })).toContain(key);
  });

  test.each([
    ['a minimum of machines above the maximum', { azureNodesMin: '4', azureNodesMax: '2' }, 'above azureNodesMax'],
    ['machines with another processor', { azureVmSize: 'Standard_D4ps_v5' }, 'platform is linux/amd64'],
    [
      'machines that do not match platform linux/arm64',
      { platform: 'linux/arm64' },
      "machines of azureVmSize Standard_D4s_v5 can't run it",
    ],
    [
      'a workspace that nothing would log to',
      { azureRegistry: 'rg/exampleacr', azureCluster: 'rg/aks', azureLogs: 'log-claude-agent' },
      'nothing would log to it',
    ],
  ])('rejects %s', (_what, given, said) => {
    expect(mistakesOf({ ...AZURE, ...given })).toContain(said);
  });

  test('requires the keys of a federation, and https, with authMode federation', () => {
    const message = mistakesOf({
      authMode: 'federation',
      federationServiceAccountId: 'fdrl_1',
      federationTokenSeconds: '60',
      anthropicBaseUrl: 'http://gateway.example.org:443',
    });
    expect(message).toContain('is invalid (5)');
    expect(message).toContain('federationRuleId is empty; it must be the id of a federation rule (fdrl_…).');
    expect(message).toContain("federationOrganizationId is empty; it must be the organization's id");
    expect(message).toContain('federationServiceAccountId is "fdrl_1"; it must be');
    expect(message).toContain('federationTokenSeconds is "60"; it must be a whole number from 600 to 86400.');
    expect(message).toContain('with authMode federation it must start with https://');
    expect(read().federation).toBeUndefined();
  });
});

describe('the config of runners', () => {
  test.each([
    [{ runners: '101' }, 'runners is "101"; it must be a whole number from 0 to 100.'],
    [{ slots: '4' }, 'Set runners to 4 and remove slots, or set runners to 0.'],
    [{ runners: '0', warmRunners: '1' }, 'warmRunners is set, but runners is 0'],
    [{ runners: '0', runnerReuse: 'false' }, 'runnerReuse is set, but runners is 0'],
    [{ runners: '0', runnerRuntimeClass: 'gvisor' }, 'runnerRuntimeClass is set, but runners is 0'],
    [{ runners: '0', runnerEgress: 'none' }, 'runnerEgress is set, but runners is 0'],
    [{ runnerEgress: 'some' }, 'runnerEgress is "some"; it must be one of internet, none.'],
    [{ workspaceLifetime: 'keep' }, "a runner's workspace is emptied after each run unless workspaceStorage is volume"],
    [{ workspaceStorage: 'volume', runners: '2' }, 'which only one runner can mount'],
    [{ workspaceStorage: 'volume', warmRunners: '1' }, 'runners and warmRunners are 2 together'],
  ])('refuses %j', (values, message) => {
    expect(mistakesOf(values)).toContain(message);
  });

  test.each([
    { runners: '0', workspaceLifetime: 'keep', slots: '8' },
    { workspaceStorage: 'volume', workspaceLifetime: 'keep' },
    { workspaceStorage: 'volume', workspaceAccessMode: 'ReadWriteMany', runners: '4', warmRunners: '1' },
    { workspaceLifetime: 'run' },
  ])('accepts %j', (values) => {
    expect(() => read(values)).not.toThrow();
  });
});

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { examine } from '../../../stack/cli/doctor/finding.ts';
import type { Named } from '../../../stack/cli/doctor/finding.ts';
import { host } from '../../../stack/cli/doctor/host.ts';
import type { Kubectl } from '../../../stack/cli/system/kubectl.ts';
import { addressesOf } from '../../../stack/cli/system/outside.ts';
import { StackFile } from '../../../stack/config/stack-file.ts';
import { certificatesFor } from '../../doubles/oauth-proxy/certificates.ts';
import type { Certificates } from '../../doubles/oauth-proxy/certificates.ts';
import { Agent, TOKEN } from '../../support/agent.ts';
import { doctorProject } from './doctor-project.ts';

const HOST = 'claude-agent.example.org';
const CONFIG = { host: HOST, tlsSecret: 'claude-agent-tls' };

/** A reverse proxy before the agent, by TLS and without. */
interface ProxyOptions {
  readonly certificates: Certificates;
  /** The header that the agent gets, from the one that the client sent. */
  readonly forwardedFor?: (given: string | undefined) => string | undefined;
  readonly redirects?: boolean;
}

async function startProxy(
  agent: Agent,
  {
    certificates,
    forwardedFor = (given) => [given, '203.0.113.7'].filter(Boolean).join(', '),
    redirects = true,
  }: ProxyOptions,
) {
  const pass: http.RequestListener = (request, response) => {
    const { 'x-forwarded-for': given, ...headers } = request.headers;
    const sent = forwardedFor(given as string | undefined);
    const onward = http.request(
      new URL(request.url ?? '/', agent.url),
      { headers: { ...headers, ...(sent !== undefined && { 'X-Forwarded-For': sent }) } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    onward.end();
  };
  const secure = https.createServer({ cert: certificates.cert, key: certificates.key }, pass);
  const plain = http.createServer((request, response) => {
    if (!redirects) pass(request, response);
    else response.writeHead(301, { Location: `https://${HOST}${request.url ?? ''}` }).end();
  });
  const servers = [secure, plain];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const portOf = (server: http.Server) => (server.address() as AddressInfo).port;
  return {
    ports: { https: portOf(secure), http: portOf(plain) },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

const folder = mkdtempSync(path.join(tmpdir(), 'doctor-host-'));
let certificates: Certificates;
beforeAll(async () => {
  certificates = await certificatesFor(90, HOST);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await certificates[Symbol.asyncDispose]();
});

/** Whatever a controller knows is fine; the log is the agent's own. */
const kubectlWith =
  (agent: Agent | undefined): Kubectl =>
  (args) => {
    if (args[0] === 'logs') return Promise.resolve({ output: agent?.lines.join('\n') ?? '' });
    if (args[1]?.startsWith('secret/')) return Promise.resolve({ output: 'kubernetes.io/tls' });
    const conditions = ['Accepted', 'Programmed'].map((type) => ({ type, status: 'True' }));
    return Promise.resolve({
      output: JSON.stringify({ spec: { gatewayClassName: 'approuting-istio' }, status: { conditions, listeners: [] } }),
    });
  };

async function findings(
  agent: Agent | undefined,
  ports: { http: number; https: number },
  own: Certificates = certificates,
): Promise<Record<string, Named>> {
  const passed = ['namespace', 'pod'].map((name) => ({
    name,
    look: () => Promise.resolve({ state: 'ok' as const, detail: '' }),
  }));
  const config = new StackFile(JSON.stringify({ config: CONFIG }), process.cwd());
  const checks = host(config, kubectlWith(agent), TOKEN, {
    lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    ports,
    ca: readFileSync(own.caFile, 'utf8'),
  });
  const all: Record<string, Named> = {};
  for await (const finding of examine([...passed, ...checks])) all[finding.check] = finding;
  return all;
}

const startAgent = (env: Record<string, string> = {}) =>
  Agent.start({ env: { AGENT_PAGE_URL: `https://${HOST}`, AGENT_TRUSTED_PROXIES: '1', ...env } });

describe("the doctor's checks of the host", () => {
  test('find nothing wrong with one proxy that says who calls', async () => {
    await using agent = await startAgent();
    await using proxy = await startProxy(agent, { certificates });
    const found = await findings(agent, proxy.ports);
    expect(Object.values(found).filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(found['certificate']?.detail).toMatch(/^valid for (89|90) more day\(s\), until /);
    expect(found['https']?.detail).toMatch(/^the agent answers: version /);
    expect(found['http']?.detail).toBe(`redirects to https://${HOST}/`);
    expect(found['caller address']?.detail).toBe('the agent takes 203.0.113.7 for this machine');
  });

  test('name a certificate that was not renewed, and one of another host', async () => {
    await using agent = await startAgent();
    await using old = await certificatesFor(3, HOST);
    await using other = await certificatesFor(90, 'other.example.org');
    await using ofOld = await startProxy(agent, { certificates: old });
    await using ofOther = await startProxy(agent, { certificates: other });
    expect((await findings(agent, ofOld.ports, old))['certificate']).toMatchObject({
      state: 'broken',
      detail: expect.stringMatching(/^valid for [23] more day\(s\), .*; it should have been renewed$/) as string,
      next: 'docs/ingress.md#the-certificate',
    });
    const found = await findings(agent, ofOther.ports, other);
    expect(found['certificate']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('does not match') as string,
      next: 'docs/ingress.md#the-certificate',
    });
    expect(found['https']).toMatchObject({ state: 'skipped' });
    expect((await findings(agent, ofOld.ports))['certificate']).toMatchObject({ state: 'broken' });
  });

  test('name an agent that is served without TLS', async () => {
    await using agent = await startAgent();
    await using proxy = await startProxy(agent, { certificates, redirects: false });
    expect((await findings(agent, proxy.ports))['http']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining(`without a redirect to https://${HOST}`) as string,
    });
  });

  test.each([
    ['takes the claim of a caller', '1', (given?: string) => given, 'caller address', /passes on what callers claim/],
    ['has an address too few', '2', () => '203.0.113.7', 'https', /fewer entries \(1\) than there are proxies/],
    ['is told no address', '1', () => '', 'https', /is no IP address/],
    ['gets no header at all', '1', () => undefined, 'caller address', /sends no X-Forwarded-For/],
  ] as const)('name an agent that %s', async (_what, trustedProxies, forwardedFor, check, says) => {
    await using agent = await startAgent({ AGENT_TRUSTED_PROXIES: trustedProxies });
    await using proxy = await startProxy(agent, { certificates, forwardedFor });
    const found = (await findings(agent, proxy.ports))[check];
    expect(found).toMatchObject({ state: 'broken', detail: expect.stringMatching(says) as string });
    expect(found?.next).toMatch(/config set trustedProxies|docs\/ingress\.md#controllers/);
  });

  test('say that the address of this machine is in no source range', async () => {
    await using agent = await startAgent({ AGENT_SOURCE_RANGES: '198.51.100.0/24' });
    await using proxy = await startProxy(agent, { certificates });
    expect((await findings(agent, proxy.ports))['https']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('203.0.113.7') as string,
      next: expect.stringContaining('sourceRanges') as string,
    });
  });

  test('cannot tell whom the agent sees if its log has no line of requests', async () => {
    await using agent = await startAgent();
    await using proxy = await startProxy(agent, { certificates });
    expect((await findings(undefined, proxy.ports))['caller address']).toMatchObject({ state: 'skipped' });
  });

  test('say that nothing listens', async () => {
    const found = await findings(undefined, { http: 1, https: 1 });
    expect(found['certificate']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(found['certificate']?.next).toContain('the firewall');
    expect(found['http']).toMatchObject({ state: 'ok', detail: expect.stringContaining('closed') as string });
  });
});

describe("the doctor's check of the route", () => {
  const GATEWAY = 'get gateways.gateway.networking.k8s.io/claude-agent --namespace claude-agent-gateway';
  const condition = (type: string, status: string, message?: string) => ({ type, status, message });
  const gateway = (conditions: object[], ofListener: object[] = []) => ({
    spec: { gatewayClassName: 'approuting-istio' },
    status: { conditions, listeners: [{ name: 'https', conditions: ofListener }] },
  });
  const WELL = [condition('Accepted', 'True'), condition('Programmed', 'True')];
  const TLS = { to: 'get secret/claude-agent-tls', out: 'kubernetes.io/tls' };
  const look = async (
    answers: Parameters<ReturnType<typeof doctorProject>['kubectl']['push']>,
    config: object = CONFIG,
  ) => {
    const doctor = doctorProject();
    doctor.kubectl.push(...answers);
    const full = Object.entries(config).map(([key, value]) => [`claude-code-agent:${key}`, value] as const);
    writeFileSync(doctor.at('Pulumi.dev.yaml'), JSON.stringify({ config: Object.fromEntries(full) }));
    return doctor.look();
  };

  test('is left out without a host', async () => {
    expect(await look([], {})).not.toHaveProperty('route');
  });

  test('passes if the controller took the Gateway; and a name that does not resolve gets the record to make', async () => {
    const { route, 'host name': name } = await look(
      [
        TLS,
        { to: `${GATEWAY} --output json path`, out: '' },
        { to: `${GATEWAY} --output jsonpath=`, out: '203.0.113.80' },
        { to: GATEWAY, out: gateway(WELL) },
      ],
      { ...CONFIG, host: 'claude-agent.invalid' },
    );
    expect(route).toMatchObject({ state: 'ok', detail: 'a Gateway of the class approuting-istio' });
    expect(await addressesOf('claude-agent.invalid')).toEqual([]);
    expect(name).toMatchObject({
      state: 'broken',
      detail: 'claude-agent.invalid does not resolve',
      next: 'make a DNS record: claude-agent.invalid A 203.0.113.80',
    });
  });

  test.each([
    [
      'a cluster without the Gateway API',
      [{ to: GATEWAY, err: `error: the server doesn't have a resource type "gateways"` }],
      /has no Gateway API/,
      /docs\/ingress\.md#a-gateway/,
    ],
    [
      'a Gateway that nobody took',
      [{ to: GATEWAY, out: gateway([condition('Accepted', 'Unknown')]) }],
      /no controller has taken/,
      /get gatewayclasses/,
    ],
    [
      'a listener without a certificate',
      [{ to: GATEWAY, out: gateway(WELL, [condition('ResolvedRefs', 'False', 'secret not found')]) }],
      /ResolvedRefs of the listener https is False: secret not found/,
      /describe gateway claude-agent/,
    ],
    [
      'a Secret that is missing',
      [
        { to: 'get secret/claude-agent-tls', err: 'secrets "claude-agent-tls" not found' },
        { to: GATEWAY, out: gateway(WELL) },
      ],
      /the certificate is missing/,
      /kubectl -n claude-agent-gateway create secret tls claude-agent-tls/,
    ],
    [
      'a Secret of another type',
      [
        { to: 'get secret/claude-agent-tls', out: 'Opaque' },
        { to: GATEWAY, out: gateway(WELL) },
      ],
      /of the type Opaque/,
      /the-certificate/,
    ],
  ] as const)('names %s', async (_what, answers, says, next) => {
    const { route } = await look([...answers, TLS]);
    expect(route).toMatchObject({ state: 'broken', detail: expect.stringMatching(says) as string });
    expect(route?.next).toMatch(next);
  });

  test('names an Ingress whose class is not in the cluster', async () => {
    const config = { ...CONFIG, ingress: 'ingress', ingressClass: 'traefik', ingressNamespace: 'traefik' };
    const { route } = await look(
      [
        TLS,
        { to: 'get ingress/claude-agent', out: 'traefik' },
        { to: 'get ingressclass/traefik', err: 'ingressclasses "traefik" not found' },
      ],
      config,
    );
    expect(route).toMatchObject({ state: 'broken', next: expect.stringContaining('get ingressclasses') as string });
  });
});

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FixedCredential } from '../../../agent/gateway/credential.ts';
import { FederationCredential } from '../../../agent/gateway/federation.ts';
import { SessionCredential } from '../../../agent/gateway/session.ts';
import { Upstream } from '../../../agent/gateway/upstream.ts';
import { variableCredential } from '../../../agent/login/credential.ts';
import { LoginCustody } from '../../../agent/login/login-custody.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { closedPort } from '../../support/closed-port.ts';
import { folder } from '../../support/folder.ts';
import { keepingLog, send, startGateway } from '../../support/gateway.ts';
import { identityToken } from '../../support/identity-token.ts';

const MINUTE = 60_000;
const bearer = (value: string) => ({ name: 'authorization', value: `Bearer ${value}` });

let lines: string[];
beforeEach(() => void (lines = []));

describe('a token or a key', () => {
  it('is read from its file for each request', async () => {
    const file = path.join(folder({ token: 'first\n', key: 'k1' }), 'token');
    const token = new FixedCredential(variableCredential('oauthToken', file, undefined), 'oauthToken');
    expect(await token.header()).toEqual(bearer('first'));
    writeFileSync(file, 'second');
    expect(await token.header()).toEqual(bearer('second'));
  });

  it('is an x-api-key if it is an API key', async () => {
    const key = new FixedCredential(variableCredential('apiKey', undefined, 'sk-1'), 'apiKey');
    expect(await key.header()).toEqual({ name: 'x-api-key', value: 'sk-1' });
  });

  it.each(['', 'two\nlines'])('that cannot be sent (%j) is a 401 that does not contain it', async (content) => {
    await using api = await startAnthropicDouble();
    const file = path.join(folder({ token: content }), 'token');
    const credential = new FixedCredential(variableCredential('oauthToken', file, undefined), 'oauthToken');
    await using own = await startGateway(api.url, { credential });
    const answer = await send(`${own.url}/v1/messages`, own.tokens.issue('run-1'));
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { type: 'authentication_error' } });
    expect(answer.text + own.lines.join('')).not.toContain('lines');
    expect({ refused: own.refused, asked: api.requests }).toEqual({ refused: ['credential'], asked: [] });
  });
});

describe('the login of the agent', () => {
  const FIRST = { accessToken: 'first', refreshToken: 'refresh-1', scopes: ['user:inference'] };
  const SECOND = { accessToken: 'second', refreshToken: 'refresh-2', scopes: ['user:inference'] };
  const inHours = (hours: number) => Date.now() + hours * 60 * MINUTE;
  let file: string;
  let kept: string | undefined;
  let renewals: number;
  /** What the renewal leaves in the file. */
  let result: () => object | undefined;
  let canKeep: boolean;
  let login: LoginCustody;

  const put = (claudeAiOauth: object) => {
    writeFileSync(`${file}.new`, JSON.stringify({ claudeAiOauth, organizationUuid: 'o' }));
    renameSync(`${file}.new`, file);
  };
  const start = (tokens: object) => {
    file = path.join(folder(), '.credentials.json');
    kept = undefined;
    renewals = 0;
    canKeep = true;
    result = () => ({ ...SECOND, expiresAt: inHours(8) });
    put(tokens);
    const keep = (text: string) => {
      if (!canKeep) throw new Error('no space left on device');
      kept = text;
    };
    login = new LoginCustody(file, { read: () => kept, keep }, keepingLog(lines));
    const renew = async () => {
      renewals += 1;
      await Promise.resolve();
      const renewed = result();
      if (renewed) put(renewed);
    };
    return new SessionCredential({ login, renew, log: keepingLog(lines) });
  };

  it('is used as it is while it is valid for more than five minutes, or does not say how long', async () => {
    for (const expiresAt of [Date.now() + 6 * MINUTE, null]) {
      const credential = start({ ...FIRST, expiresAt });
      expect(await credential.header()).toEqual(bearer('first'));
      expect(renewals).toBe(0);
    }
  });

  it('is renewed when it ends soon, while the current token goes on to be used', async () => {
    const credential = start({ ...FIRST, expiresAt: Date.now() + 4 * MINUTE });
    const headers = await Promise.all([credential.header(), credential.header()]);
    expect(headers).toEqual([bearer('first'), bearer('first')]);
    expect(await credential.header()).toEqual(bearer('second'));
    expect({ renewals, kept }).toMatchObject({ renewals: 1, kept: readFileSync(file, 'utf8') });
  });

  it('is waited for when it has ended', async () => {
    const credential = start({ ...FIRST, expiresAt: Date.now() - 1 });
    expect(await Promise.all([credential.header(), credential.header()])).toEqual([bearer('second'), bearer('second')]);
    expect(renewals).toBe(1);
  });

  it('is marked as expired and renewed once when requests are refused at the same time, or later', async () => {
    const credential = start({ ...FIRST, expiresAt: inHours(8) });
    const header = await credential.header();
    result = () => {
      const { claudeAiOauth: marked, ...others } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, object>;
      expect({ ...marked, ...others }).toEqual({
        ...FIRST,
        expiresAt: expect.any(Number) as number,
        organizationUuid: 'o',
      });
      expect((marked as { expiresAt: number }).expiresAt).toBeLessThanOrEqual(Date.now());
      return { ...SECOND, expiresAt: inHours(8) };
    };
    await Promise.all([credential.refused(header), credential.refused(header), credential.refused(header)]);
    await credential.refused(header);
    expect(await credential.header()).toEqual(bearer('second'));
    expect(renewals).toBe(1);
    await credential.refused(bearer('second') as never);
    expect(renewals).toBe(2);
  });

  it('that was not renewed stays, and is not tried again at once', async () => {
    const credential = start({ ...FIRST, expiresAt: inHours(8) });
    result = () => undefined;
    const header = await credential.header();
    await credential.refused(header);
    await credential.refused(header);
    expect(await credential.header()).toEqual(header);
    expect(renewals).toBe(1);
    expect(lines.join('\n')).toContain('claude did not renew the login');
  });

  it('is missing after the CLI has emptied it', async () => {
    const credential = start({ ...FIRST, expiresAt: inHours(8) });
    const header = await credential.header();
    result = () => ({ accessToken: '', refreshToken: '', expiresAt: 0 });
    await credential.refused(header);
    await expect(credential.header()).rejects.toMatchObject({ name: 'CredentialError', status: 401 });
  });

  it('may be replaced by a person', async () => {
    const credential = start({ ...FIRST, expiresAt: inHours(8) });
    expect(await credential.header()).toEqual(bearer('first'));
    put({ ...SECOND, expiresAt: inHours(8) });
    expect(await credential.header()).toEqual(bearer('second'));
    expect(renewals).toBe(0);
  });

  it('survives a renewal that fails', async () => {
    const credential = start({ ...FIRST, expiresAt: Date.now() - 1 });
    result = () => {
      throw new Error('claude cannot be started');
    };
    expect(await credential.header()).toEqual(bearer('first'));
    expect(lines.join('\n')).toContain('the login cannot be renewed');
  });

  it.each([4, 60])('that cannot be written to disk ends no more than a request (%d minutes left)', async (minutes) => {
    const credential = start({ ...FIRST, expiresAt: Date.now() + minutes * MINUTE });
    login.current();
    canKeep = false;
    const header = await credential.header();
    expect(header).toEqual(bearer('first'));
    await credential.refused(header);
    await expect(credential.header()).rejects.toThrow('no space left on device');
    canKeep = true;
    expect(await credential.header()).toEqual(bearer('second'));
    expect(kept).toBe(readFileSync(file, 'utf8'));
  });
});

describe('an identity token', () => {
  const IDS = { ruleId: 'fdrl_1', organizationId: 'org', serviceAccountId: 'svac_1', workspaceId: 'wrkspc_1' };
  let identityTokenFile: string;

  const start = (url: string) =>
    new FederationCredential(
      { identityTokenFile, ...IDS },
      new Upstream({ ANTHROPIC_BASE_URL: url }),
      keepingLog(lines),
    );
  const exchanges = (api: AnthropicDouble) => api.requests.filter((request) => request.path === '/v1/oauth/token');
  beforeEach(() => void (identityTokenFile = path.join(folder({ token: `${identityToken()}\n` }), 'token')));

  it('is exchanged once for requests at the same time, as the CLI does', async () => {
    await using api = await startAnthropicDouble();
    const credential = start(api.url);
    const headers = await Promise.all([credential.header(), credential.header()]);
    expect(headers).toEqual([bearer('sk-ant-oat01-federated'), bearer('sk-ant-oat01-federated')]);
    await credential.header();
    expect(exchanges(api)).toHaveLength(1);
    expect(api.requests[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-beta': 'oauth-2025-04-20,oidc-federation-2026-04-01' },
      body: {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: readFileSync(identityTokenFile, 'utf8').trim(),
        federation_rule_id: 'fdrl_1',
        organization_id: 'org',
        service_account_id: 'svac_1',
        workspace_id: 'wrkspc_1',
      },
    });
  });

  it.each([
    [20, 'before it is used'],
    [100, 'while it is used'],
  ])('is exchanged again for a token that lasts %d seconds, %s', async (seconds, when) => {
    await using api = await startAnthropicDouble({ federation: { seconds, token: 'first' } });
    const credential = start(api.url);
    await credential.header();
    writeFileSync(identityTokenFile, identityToken({ jti: 'renewed' }));
    api.configure({ federation: { seconds: 3600, token: 'second' } });
    const next = await credential.header();
    expect(next).toEqual(bearer(when === 'while it is used' ? 'first' : 'second'));
    // Waits for the exchange in progress.
    await credential.refused(next);
    expect(await credential.header()).toEqual(bearer('second'));
    expect(exchanges(api)[1]?.identity).toMatchObject({ jti: 'renewed' });
  });

  it('is exchanged again, once, when requests are refused', async () => {
    await using api = await startAnthropicDouble({ federation: { token: 'first' } });
    const credential = start(api.url);
    const header = await credential.header();
    api.configure({ federation: { token: 'second' } });
    await Promise.all([credential.refused(header), credential.refused(header)]);
    await credential.refused(header);
    expect(await credential.header()).toEqual(bearer('second'));
    expect(exchanges(api)).toHaveLength(2);
  });

  it.each([
    ['no_federation', 401, 'authentication_error'],
    ['no_such_rule', 401, 'authentication_error'],
    ['rate_limit', 429, 'rate_limit_error'],
    ['server_error', 500, 'api_error'],
    ['overloaded', 529, 'overloaded_error'],
  ])('that cannot be exchanged (%s) is a %d', async (failure, status, type) => {
    await using api = await startAnthropicDouble({ federation: { failure } });
    await using own = await startGateway(api.url, { credential: start(api.url) });
    const answer = await send(`${own.url}/v1/messages`, own.tokens.issue('run-1'));
    expect({ status: answer.status, ...(JSON.parse(answer.text) as object) }).toMatchObject({
      status,
      error: { type },
    });
    expect(answer.text + lines.join('')).not.toContain(readFileSync(identityTokenFile, 'utf8').trim());
    expect(api.messages()).toEqual([]);
  });

  it('that is missing is a 401, and a server that cannot be reached closes the connection', async () => {
    await using own = await startGateway(await closedPort(), { credential: start(await closedPort()) });
    const token = own.tokens.issue('run-1');
    await expect(send(`${own.url}/v1/messages`, token)).rejects.toThrow(/socket hang up|ECONNRESET/);
    rmSync(identityTokenFile);
    mkdirSync(identityTokenFile);
    expect((await send(`${own.url}/v1/messages`, token)).status).toBe(401);
  });
});

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allowedAddresses, kindOf } from '../../../agent/callbacks/address.ts';
import { afterAttempt } from '../../../agent/callbacks/attempts.ts';
import { CallbackHosts, isCallbackHost, type CallbackTarget } from '../../../agent/callbacks/hosts.ts';
import { callbackSecrets, parseSecrets, signatureHeaders } from '../../../agent/callbacks/signature.ts';

describe('the list of hosts', () => {
  const hosts = new CallbackHosts(['n8n.example.org', 'n8n.n8n.svc:5678', '*.hooks.example', '*.ports.example:8443']);
  const found = (url: string) => {
    const target = hosts.find(url);
    return target === undefined || 'refusedHost' in target ? undefined : target;
  };

  it.each([
    'http://n8n.example.org/x',
    'https://N8N.example.org/x',
    'https://n8n.example.org:443/x',
    'http://n8n.n8n.svc:5678/webhook-waiting/1',
    'https://a.hooks.example/x',
    'https://a.b.hooks.example/x',
    'https://a.ports.example:8443/x',
  ])('allows %s', (url) => expect(found(url)).toBeDefined());

  it.each([
    'http://n8n.example.org:8080/x',
    'http://n8n.example.org:443/x',
    'http://n8n.example.org./x',
    'http://x.n8n.example.org/x',
    'http://n8n.n8n.svc/x',
    'http://n8n.n8n.svc:5679/x',
    'https://hooks.example/x',
    'https://ahooks.example/x',
    'https://hooks.example.evil.example/x',
    'https://a.ports.example/x',
    'http://127.0.0.1/x',
    'http://[::1]/x',
  ])('refuses %s', (url) => expect(found(url)).toBeUndefined());

  it('allows private addresses for hosts that an entry names, not for those that only a wildcard matches', () => {
    expect(found('https://n8n.example.org')?.mayBePrivate).toBe(true);
    expect(found('https://a.hooks.example')?.mayBePrivate).toBe(false);
    const both = new CallbackHosts(['*.hooks.example', 'a.hooks.example']).find('https://a.hooks.example');
    expect(both).toMatchObject({ mayBePrivate: true });
  });

  it('keeps path and query unchanged', () => {
    for (const path of ['/', '/a/../b', '/a%2fb?x=%20&y=[1]&z={}', '//a', '/?', '/a?http://b/c']) {
      expect(found(`https://n8n.example.org${path}`)?.path).toBe(path);
    }
    expect(found('https://n8n.example.org')?.path).toBe('/');
    expect(found('https://n8n.example.org?x=1')?.path).toBe('/?x=1');
  });

  it('recognizes an address in any notation', () => {
    const loopback = new CallbackHosts(['127.0.0.1', '[0:0:0:0:0:0:0:1]:3000']);
    for (const host of ['127.0.0.1', '0x7f.1', '2130706433', '0177.0.0.1', '127.0.0.%31', '[::1]:3000']) {
      expect(loopback.find(`http://${host}/x`)).toMatchObject({ mayBePrivate: true });
    }
    expect(loopback.find('http://[::1]:3000/x')).toMatchObject({ hostname: '::1', host: '[::1]:3000' });
  });

  it.each(['', '*', '*.', '*.0.0.1', '*.[::1]', 'a b', 'https://a', 'a/b', 'a:0', 'a:65536', 'a:x', '256.1.1.1', '@'])(
    'refuses the entry %j',
    (entry) => expect(isCallbackHost(entry)).toBe(false),
  );
});

describe('an address', () => {
  it.each(['8.8.8.8', '203.0.114.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(kindOf(address)).toBe('public');
  });
  it.each(['10.1.2.3', '172.31.0.1', '192.168.0.1', '100.64.0.1', '127.8.8.8', '::1', 'fd12::1', '::ffff:10.0.0.1'])(
    '%s is private',
    (address) => expect(kindOf(address)).toBe('private'),
  );
  it.each([
    ...['169.254.169.254', 'fe80::1', '168.63.129.16', '::ffff:168.63.129.16', '100.100.100.200', 'fd00:ec2::254'],
    ...['0.0.0.0', '0.1.2.3', '::', '255.255.255.255', '224.0.0.1', 'ff02::1', '240.0.0.1', '192.0.2.1', '198.18.0.1'],
    ...['64:ff9b::7f00:1', '64:ff9b:1::a00:1', '2002:7f00:1::', '2001::1', '::ffff:0:127.0.0.1'],
    ...['::168.63.129.16', '::169.254.169.254', 'fec0::1', '2001:db8::1', '4000::1'],
  ])('%s is never allowed', (address) => expect(kindOf(address)).toBe('never'));

  it('in the URL itself is checked too', () => {
    const to = (hostname: string, mayBePrivate: boolean) => () => {
      const target: CallbackTarget = { protocol: 'http:', hostname, port: 80, host: hostname, path: '/', mayBePrivate };
      return allowedAddresses(target);
    };
    expect(to('169.254.169.254', true)).toThrow(
      '169.254.169.254 resolves to 169.254.169.254, which callbacks may not reach.',
    );
    expect(to('127.0.0.1', false)).toThrow();
    expect(to('127.0.0.1', true)).not.toThrow();
  });
});

describe('after an attempt', () => {
  const NOW = Date.parse('2026-01-01T00:00:00.000Z');
  const GIVE_UP = NOW + 86_400_000;
  const pending = (attempts = 0) => ({ host: 'h', state: 'pending', attempts }) as const;
  const status = (code: number, retryAfter?: string) => ({ status: code, retryAfter });
  const delay = (attempts: number, retryAfter?: string) =>
    Date.parse(afterAttempt(pending(attempts - 1), status(503, retryAfter), NOW, GIVE_UP).nextAttemptAt ?? '') - NOW;

  it.each([200, 201, 202, 204, 299])('%i is a delivery', (code) => {
    const at = new Date(NOW).toISOString();
    expect(afterAttempt(pending(), status(code), NOW, GIVE_UP)).toEqual({
      ...{ host: 'h', state: 'delivered', attempts: 1, lastStatus: code, lastAttemptAt: at, deliveredAt: at },
    });
  });

  it.each([100, 301, 307, 400, 401, 404, 409, 429, 500, 503])('%i is not a delivery and is retried', (code) => {
    expect(afterAttempt(pending(), status(code), NOW, GIVE_UP)).toMatchObject({ state: 'pending', lastStatus: code });
  });

  it('410 is the end', () => {
    expect(afterAttempt(pending(), status(410), NOW, GIVE_UP)).toMatchObject({ state: 'given_up' });
  });

  it('the next one waits twice as long, with jitter, up to a quarter of an hour', () => {
    for (const [attempts, seconds] of [
      [1, 1],
      [2, 2],
      [5, 16],
      [10, 512],
      [11, 900],
      [40, 900],
    ] as const) {
      const delays = Array.from({ length: 200 }, () => delay(attempts));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(seconds * 500);
      expect(Math.max(...delays)).toBeLessThanOrEqual(seconds * 1500);
      expect(new Set(delays).size).toBeGreaterThan(100);
    }
  });

  it('the next one waits for Retry-After, in seconds or as a date, for at most an hour', () => {
    expect(delay(1, '120')).toBe(120_000);
    expect(delay(1, 'Thu, 01 Jan 2026 00:02:00 GMT')).toBe(120_000);
    expect(delay(1, '999999999999')).toBe(3_600_000);
    for (const nonsense of ['soon', '-5', '', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
      expect(delay(1, nonsense)).toBeLessThanOrEqual(1500);
    }
  });

  it('the last one is made when the time is up, even if that has passed already', () => {
    const soon = NOW + 100;
    const last = afterAttempt(pending(9), { error: 'refused' }, NOW, soon);
    expect(last).toMatchObject({ state: 'pending', nextAttemptAt: new Date(soon).toISOString(), lastError: 'refused' });
    expect(afterAttempt(last, { error: 'refused' }, soon, soon)).toMatchObject({ state: 'given_up', attempts: 11 });
    expect(afterAttempt(pending(), status(200), NOW, NOW - 1)).toMatchObject({ state: 'delivered' });
  });
});

describe('the secret', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'secret-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("signs the example of Standard Webhooks like the project's libraries", () => {
    const [secret] = parseSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n') ?? [];
    const body = Buffer.from('{"test": 2432232314}');
    expect(signatureHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, body, [secret ?? Buffer.of()])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is not generated in place of a file that is given and not there', () => {
    const given = path.join(folder, 'given');
    expect(() => callbackSecrets(given, folder)).toThrow(/given, which holds the callback secret, cannot be used/);
    expect(existsSync(given)).toBe(false);
  });

  it('is generated if none is given, readable by its owner only, and stays the same', () => {
    const secrets = callbackSecrets(undefined, folder);
    const file = path.join(folder, 'callback-secret');
    expect(readFileSync(file, 'utf8')).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(callbackSecrets(undefined, folder)).toEqual(secrets);
    writeFileSync(file, 'broken-canary');
    expect(() => callbackSecrets(undefined, folder)).toThrow(/callback-secret contains no callback secret(?!.*canary)/);
  });

  const base64 = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64');
  it.each(['', 'whsec_', base64(32), `whsec_${base64(23)}`, `whsec_${base64(65)}`, `whsec_${base64(32)} x`, 'whsec_!'])(
    'is invalid in %j',
    (text) => expect(parseSecrets(text)).toBeUndefined(),
  );
});

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { proxyEnvironment } from '../../../agent/gateway/proxy.ts';
import { Upstream } from '../../../agent/gateway/upstream.ts';
import { makeCertificates } from '../../doubles/oauth-proxy/certificates.ts';
import { send, startGateway, startUpstream } from '../../support/gateway.ts';
import { forkGateway } from '../../support/gateway-program.ts';

const MESSAGES = '/v1/messages?beta=true';
const HOST = 'api.example.org';

/** Starts a server and closes it with everything that is connected to it. */
async function listening(server: Server, sockets = new Set<Duplex>()) {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A proxy that leads everything to one port of this machine, or with `false` never answers. */
async function startProxy(to: number | false) {
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('{"by":"proxy"}'));
  });
  server.on('connect', ({ url }, socket) => {
    asked.push(`CONNECT ${url}`);
    if (to === false) return;
    const tunnel = connect(to, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'));
    sockets.add(tunnel);
    tunnel.on('error', () => socket.destroy());
    tunnel.pipe(socket).pipe(tunnel);
  });
  const { port, [Symbol.asyncDispose]: dispose } = await listening(server, sockets);
  return { asked, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: dispose };
}

describe('proxy variables', () => {
  it.each([
    [{}, {}],
    [{ NO_PROXY: 'a' }, {}],
    [
      { HTTPS_PROXY: 'http://s', HTTP_PROXY: 'http://p' },
      { http_proxy: 'http://s', https_proxy: 'http://s' },
    ],
    [
      { HTTPS_PROXY: 'http://S', https_proxy: 'http://s' },
      { http_proxy: 'http://s', https_proxy: 'http://s' },
    ],
    [
      { HTTP_PROXY: 'http://p', HTTPS_PROXY: '' },
      { http_proxy: 'http://p', https_proxy: 'http://p' },
    ],
    [
      { http_proxy: 'http://p', NO_PROXY: 'a.b, .svc  c:1' },
      { http_proxy: 'http://p', https_proxy: 'http://p', no_proxy: 'a.b,.a.b,.svc,.svc,c:1,.c:1' },
    ],
  ])('%j mean %j', (environment, expected) => {
    expect(proxyEnvironment(environment)).toEqual(expected);
  });
});

it('the API is called by the proxy, also over plain HTTP, as the CLI does', async () => {
  await using proxy = await startProxy(false);
  await using own = await startGateway(`http://${HOST}:81/base`, { environment: { HTTPS_PROXY: proxy.url } });
  const answer = await send(own.url + MESSAGES, own.tokens.issue('run-1'));
  expect(answer.text).toBe('{"by":"proxy"}');
  expect(proxy.asked).toEqual([`POST http://${HOST}:81/base${MESSAGES}`]);
});

it('a host of NO_PROXY is called directly', async () => {
  await using proxy = await startProxy(false);
  await using api = await startUpstream(
    (request, response) => void request.resume().on('end', () => response.end('{}')),
  );
  const environment = { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost,127.0.0.1' };
  await using own = await startGateway(api.url, { environment });
  expect((await send(own.url + MESSAGES, own.tokens.issue('run-1'))).text).toBe('{}');
  expect(proxy.asked).toEqual([]);
});

it('HTTPS goes through a tunnel, to a host whose certificate NODE_EXTRA_CA_CERTS makes trusted, and to no other', async () => {
  await using certificates = await makeCertificates(HOST);
  const ports = new Set<number | undefined>();
  await using api = await listening(
    createTlsServer(certificates, (request, response) => {
      ports.add(request.socket.remotePort);
      request.resume().on('end', () => response.end('{"by":"api"}'));
    }),
  );
  await using proxy = await startProxy(api.port);
  const environment = { ANTHROPIC_BASE_URL: `https://${HOST}`, HTTPS_PROXY: proxy.url };
  await using trusting = await forkGateway({ ...environment, NODE_EXTRA_CA_CERTS: certificates.caFile });
  for (let i = 0; i < 3; i += 1) {
    expect((await send(trusting.url + MESSAGES, trusting.token)).text).toBe('{"by":"api"}');
  }
  expect({ asked: proxy.asked, connections: ports.size }).toEqual({ asked: [`CONNECT ${HOST}:443`], connections: 1 });
  await using other = await startGateway(environment.ANTHROPIC_BASE_URL, { environment });
  const failed = send(other.url + MESSAGES, other.tokens.issue('run-1'));
  await expect(failed).rejects.toThrow(/socket hang up|ECONNRESET/);
  expect(other.lines.join('\n')).toMatch(/certificate/);
  expect(ports.size).toBe(1);
});

it('a proxy that does not answer is given up', async () => {
  await using proxy = await startProxy(false);
  const upstream = new Upstream({ ANTHROPIC_BASE_URL: `https://${HOST}`, HTTPS_PROXY: proxy.url }, 100);
  await using own = await startGateway('', { upstream });
  const failed = send(own.url + MESSAGES, own.tokens.issue('run-1'));
  await expect(failed).rejects.toThrow(/socket hang up|ECONNRESET/);
  expect(own.lines.join('\n')).toContain('There was no connection after 0.1 seconds.');
});

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { passOn } from '../../../agent/git/pass-on.ts';

/** A server in front of another one, with what became of the last response that it passed on. */
async function startBoth(answer: RequestListener) {
  const behind = await listening(createServer(answer));
  let passed: Promise<unknown> = Promise.resolve();
  const front = await listening(
    createServer((_, response) => {
      get(urlOf(behind), (body) => {
        passed = passOn(body, response).catch((error: unknown) => error);
      });
    }),
  );
  return {
    url: urlOf(front),
    passed: () => passed,
    async [Symbol.asyncDispose]() {
      for (const server of [front, behind]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function listening(server: Server): Promise<Server> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function asked(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return response;
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

it.each(['chunked', 'with its length'])('passes a body on as it is to a client that is slow: %s', async (how) => {
  const content = randomBytes(20_000_000);
  await using both = await startBoth((_, response) => {
    if (how !== 'chunked') response.setHeader('content-length', content.length);
    void (async () => {
      // Pieces of many lengths.
      for (let at = 0, length = 1; at < content.length; at += length, length = (length * 7 + 3) % 100_003) {
        if (!response.write(content.subarray(at, at + length))) await once(response, 'drain');
      }
      response.end();
    })();
  });
  const hash = createHash('sha256');
  for await (const piece of await asked(both.url)) {
    hash.update(piece as Buffer);
    await setImmediate();
  }
  expect(hash.digest('hex')).toBe(sha256(content));
  expect(await both.passed()).toBeUndefined();
});

it('holds nothing back while the server is silent', async () => {
  const more = Promise.withResolvers<undefined>();
  await using both = await startBoth((_, response) => {
    response.write('first');
    void more.promise.then(() => response.end('second'));
  });
  const body = await asked(both.url);
  const pieces = body.setEncoding('utf8')[Symbol.asyncIterator]();
  expect(await pieces.next()).toEqual({ done: false, value: 'first' });
  more.resolve(undefined);
  expect(await pieces.next()).toEqual({ done: false, value: 'second' });
});

it('closes the response if the body breaks off', async () => {
  await using both = await startBoth((_, response) => {
    response.write(randomBytes(1_000_000), () => response.destroy());
  });
  const body = await asked(both.url);
  await expect(once(body.resume(), 'end')).rejects.toThrow('aborted');
  expect(await both.passed()).toBeInstanceOf(Error);
});

it('ends when the client goes', async () => {
  let behind: IncomingMessage | undefined;
  await using both = await startBoth((request, response) => {
    behind = request;
    response.write(randomBytes(10_000_000));
  });
  const body = await asked(both.url);
  await once(body, 'readable');
  body.destroy();
  await expect.poll(() => both.passed()).toBeInstanceOf(Error);
  await expect.poll(() => behind?.destroyed).toBe(true);
});

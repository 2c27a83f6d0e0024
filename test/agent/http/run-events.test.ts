import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPERATOR } from '../../../agent/contract.ts';
import { setCaller } from '../../../agent/http/bearer.ts';
import { watchRun } from '../../../agent/http/routes/run-events.ts';
import { RunEvents } from '../../../agent/runs/events.ts';
import type { EndedRun, Run } from '../../../agent/store/run.ts';
import { closeServer, serverOf } from '../../../agent/http/server.ts';

/** Six bytes each in JSON, so that the output does not fit into the buffers of a connection. */
const MUCH = '\u0001'.repeat(1_048_576);

const run: Run = {
  id: 'a-run',
  sessionId: '0f8e4d6a-3f5c-4f0e-9d55-0d8e6a1c2b3f',
  state: 'running',
  request: { prompt: '', options: {}, labels: {}, timeoutMs: 1000, workdir: '/' },
  acceptedAt: new Date().toISOString(),
};
const ended: EndedRun = {
  ...run,
  state: 'ended',
  endedAt: run.acceptedAt,
  result: { outcome: 'succeeded', output: MUCH, permissionDenials: [], warnings: [] },
};

describe('a client that watches a run', () => {
  let events: RunEvents;
  let server: ReturnType<typeof serverOf>;
  let client: Socket;
  let connection: Socket;
  beforeEach(async () => {
    events = new RunEvents();
    events.publish('queued', run);
    const watch = watchRun({ find: () => run, events, placeOf: () => undefined }, { keepAliveMs: 40, stalledMs: 1500 });
    const app = new Hono();
    app.use((c, next) => {
      setCaller(c, { name: OPERATOR, may: ['admin'], labels: {} });
      return next();
    });
    app.get('/runs/:id/events', watch);
    server = serverOf(app.fetch);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket]>;
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write('GET /runs/a-run/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    [connection] = await connected;
  });
  afterEach(async () => {
    client.destroy();
    await closeServer(server);
  });

  it('is dropped when it does not read the text', async () => {
    await once(client, 'readable');
    const closed = once(connection, 'close');
    events.publishText(run.id, MUCH);
    await closed;
    expect(connection.destroyed).toBe(true);
  });

  it('is dropped when it does not read the end', async () => {
    await once(client, 'readable');
    const closed = once(connection, 'close');
    events.publish('ended', ended);
    await closed;
  });

  it('stays connected while there is no text, and receives the end', async () => {
    let said = '';
    const heard = (what: string, times = 1) =>
      new Promise<void>((resolve) => {
        const look = () => said.split(what).length > times && resolve();
        client.on('data', look);
        look();
      });
    client.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    await heard(': keep-alive', 60);
    events.publish('ended', ended);
    await heard('event: ended');
    await heard('id: end\n');
    expect(said).toContain('event: queued');
  });
});

/**
 * Connects to what a run is not to reach, and tries to be the agent of a runner that it reaches, such as its own.
 *
 * Usage: network.ts [--runner HOST:PORT]… [--signature SIGNATURE]… [NAME=HOST:PORT]…
 *
 * A signature, in base64, is one that the agent gave for another nonce of the runner.
 * @module
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { report } from './finding.ts';

const CONNECT_MS = 2000;

const { values, positionals } = parseArgs({
  options: {
    runner: { type: 'string', multiple: true, default: [] },
    signature: { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const apiServer = process.env['KUBERNETES_SERVICE_HOST'];
const places = [
  ...positionals.map((each) => each.split('=') as [string, string]),
  ...(apiServer === undefined ? [] : ([['the API server of its environment', `${apiServer}:443`]] as const)),
];
await Promise.all(places.map(([name, address]) => reach(name, address)));

const start = { type: 'start', file: 'id', args: [], env: {}, cwd: '.', files: [] };
const signatures = [Buffer.alloc(64, 1).toString('base64'), ...values.signature];
for (const runner of values.runner) {
  await pretend(`${runner} without a signature`, runner, start);
  for (const [index, signature] of signatures.entries())
    await pretend(`${runner} with signature ${index}`, runner, { type: 'authenticate', signature });
}

async function reach(name: string, address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), timeout: CONNECT_MS });
  socket.once('timeout', () => socket.destroy(new Error('no answer')));
  try {
    await once(socket, 'connect');
    report(name, 'found', address);
  } catch (error) {
    report(name, 'blocked', error);
  }
  socket.destroy();
}

/** Says something to a runner. It must close the connection, and not say that it is ready. */
async function pretend(target: string, address: string, message: object): Promise<void> {
  const socket = new WebSocket(`ws://${address}`);
  const said: string[] = [];
  socket.onmessage = ({ data }) => {
    const { type } = JSON.parse(String(data)) as { type: string };
    said.push(type);
    if (type === 'hello') socket.send(JSON.stringify(message));
    else socket.close();
  };
  socket.onerror = () => undefined;
  const code = await new Promise<number>((resolve) => (socket.onclose = (event) => resolve(event.code)));
  const isTaken = said.some((type) => type !== 'hello');
  report(target, isTaken ? 'found' : 'blocked', `said ${said.join(', ')}; closed with ${code}`);
}

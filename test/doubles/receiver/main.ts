/**
 * Runs a receiver of callbacks as a program: `node main.ts [--host 127.0.0.1] [--port 0]`. Responds to everything with 200
 * and prints each message as one line of JSON, after `{"url":…}` when it listens; SIGTERM and SIGINT end it.
 * @module
 */
import { parseArgs } from 'node:util';
import { Receiver } from './server.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '0' } },
});
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const receiver = await Receiver.start({}, { address: values.host, port: Number(values.port) });
receiver.onMessage = print;
print({ url: receiver.url('/') });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void receiver.stop());
}

/**
 * Runs a collector of traces as a program: `node main.ts [--host 127.0.0.1] [--port 0]`. Prints each span as one line of JSON,
 * after `{"url":…}` when it listens; SIGTERM and SIGINT end it.
 * @module
 */
import { parseArgs } from 'node:util';
import { Collector } from './server.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '0' } },
});
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const collector = await Collector.start({ host: values.host, port: Number(values.port) });
collector.onRequest = (spans) => spans.forEach(print);
print({ url: collector.url });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void collector.stop());
}

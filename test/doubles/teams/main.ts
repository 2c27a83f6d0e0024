/**
 * Runs the double of a Teams Workflows webhook as a program: `node main.ts [--host 127.0.0.1] [--port 0]`. Prints
 * `{"url":…}` as one line when it listens; `GET /_control` lists the accepted cards; SIGTERM and SIGINT end it.
 * @module
 */
import { parseArgs } from 'node:util';

import { startTeamsDouble } from './server.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '0' } },
});

const double = await startTeamsDouble({ host: values.host, port: Number(values.port) });
process.stdout.write(`${JSON.stringify({ url: double.webhookUrl })}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void double[Symbol.asyncDispose]());
}

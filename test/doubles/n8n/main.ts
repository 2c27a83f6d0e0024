/**
 * Runs the double of n8n as a program: `node main.ts [--host 127.0.0.1] [--port 0] [--generation current]
 * [--api-key n8n-key]`. Prints `{"url":…}` as one line when it listens; SIGTERM and SIGINT end it.
 * @module
 */
import { parseArgs } from 'node:util';

import { type Generation, startN8nDouble } from './server.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    generation: { type: 'string', default: 'current' },
    'api-key': { type: 'string', default: 'n8n-key' },
  },
});

const double = await startN8nDouble({
  host: values.host,
  port: Number(values.port),
  generation: values.generation as Generation,
  apiKey: values['api-key'],
});
process.stdout.write(`${JSON.stringify({ url: double.url })}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void double[Symbol.asyncDispose]());
}

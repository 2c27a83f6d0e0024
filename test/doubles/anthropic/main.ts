/**
 * Runs the double of the Anthropic API as a program: `node main.ts [--host 127.0.0.1] [--port 0] [--mode DIRECTIVES]
 * [--accept TOKEN]… [--audience NAME]`. Prints `{"url":…}` as one line when it listens; SIGTERM and SIGINT end it.
 * @module
 */
import { parseArgs } from 'node:util';
import { startAnthropicDouble } from './server.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    mode: { type: 'string', default: '' },
    accept: { type: 'string', multiple: true },
    audience: { type: 'string' },
  },
});

const { host, port, mode, accept, audience = null } = values;
const double = await startAnthropicDouble({ host, port: Number(port), mode, accept, federation: { audience } });
process.stdout.write(`${JSON.stringify({ url: double.url })}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void double.close());
}

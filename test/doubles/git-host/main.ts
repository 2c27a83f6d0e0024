/**
 * Runs the double of a git host as a program: `node main.ts --root DIR [--name localhost] [--host 127.0.0.1] [--port 0] [--token T=acme/shop]…
 * [--open acme/shop]…`. The repositories are in DIR, such as `acme/shop.git`; a token may read and write those that are named.
 * Prints `{"url":…, "caFile":…}` as one line when it listens; `GET /_control` lists requests and pull requests; SIGTERM and SIGINT
 * end it.
 * @module
 */
import { parseArgs } from 'node:util';

import { startGitHost } from './server.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    name: { type: 'string', default: 'localhost' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    token: { type: 'string', multiple: true, default: [] },
    open: { type: 'string', multiple: true, default: [] },
  },
});
if (values.root === undefined) throw new Error('--root is missing.');

const { root, name, host, port } = values;
const double = await startGitHost({ root, name, host, port: Number(port) });
for (const each of values.token) {
  const [token = '', repositories = ''] = each.split('=', 2);
  double.accounts.set(token, { repositories: repositories.split(','), may: 'write' });
}
for (const each of values.open) double.open.add(each);
process.stdout.write(`${JSON.stringify({ url: double.url, caFile: double.caFile })}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void double[Symbol.asyncDispose]());
}

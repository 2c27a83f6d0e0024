/**
 * Runs the proxy for one open repository as a program: `node git-proxy-program.ts URL`. Prints the variables for `git` as a line of
 * JSON when it listens; SIGTERM ends it.
 * @module
 */
import { RunTokens } from '../../agent/gateway/run-tokens.ts';
import { ConfiguredGitHosts } from '../../agent/git/configured-hosts.ts';
import { LocalServer } from '../../agent/gateway/local-server.ts';

const [url = ''] = process.argv.slice(2);
const tokens = new RunTokens();
const log = { info: () => undefined, error: (fields: object) => console.error(fields) };
const server = new LocalServer(tokens, log);
await server.listen();
const hosts = new ConfiguredGitHosts({
  settings: [{ repositories: [url], type: 'plain' }],
  environment: {},
  tokens,
  urlForRuns: () => server.url,
  urlForAgent: () => server.url,
  megabytes: 10_000,
  log,
});
const { repository, mistake } = hosts.find(url);
if (!repository) throw new Error(`${url} ${mistake}`);
process.stdout.write(`${JSON.stringify(hosts.accessForRun(repository, 'run').environment)}\n`);

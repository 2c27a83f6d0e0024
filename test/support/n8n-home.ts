import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The version of n8n for the tests. */
export const N8N_VERSION = '2.41.1';

/** The folder that n8n is installed in: `N8N_HOME`, or one in the user's cache. */
export const N8N_HOME = process.env['N8N_HOME'] ?? path.join(homedir(), '.cache/claude-code-agent-test/n8n');

/** n8n's program, whether or not it exists. */
export const N8N_PROGRAM = path.join(N8N_HOME, 'node_modules/n8n/bin/n8n');

/** Why no real n8n can be started here, and what to do; undefined if one can. */
export const missingN8n: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  const install = `mkdir -p ${N8N_HOME} && cd ${N8N_HOME} && npm install n8n@${N8N_VERSION} --ignore-scripts && npm rebuild sqlite3, with Node.js 24`;
  if (!existsSync(N8N_PROGRAM)) return `no n8n in ${N8N_HOME} (N8N_HOME names another folder): ${install}`;
  const manifest = readFileSync(path.join(N8N_HOME, 'node_modules/n8n/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return version === N8N_VERSION ? undefined : `n8n ${version} in ${N8N_HOME}, the tests know another one: ${install}`;
}

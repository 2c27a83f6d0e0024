import type { ApiToken } from './http/token.ts';
import { AGENT_ENV } from './contract.ts';

/** What a person at a terminal needs to try the agent: its URL, where the token is, and a line to paste. */
export function banner(url: string, token: ApiToken): string {
  const value = token.file === undefined ? `$${AGENT_ENV.token}` : `$(cat ${quoted(token.file)})`;
  return `
  Agent   ${url}
  Token   ${token.file ?? `the one given as ${AGENT_ENV.token}`}
  Try     curl -sS ${url}/run -H "Authorization: Bearer ${value}" -H 'Content-Type: application/json' -d '{"prompt":"Say hello"}'

`;
}

/** Quotes a path for a shell, inside \`"$(…)"\` too. */
function quoted(file: string): string {
  return /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}

import type { ApiToken } from './http/token.ts';
import { AGENT_ENV } from './contract.ts';

const HELP = `npm start

Starts the agent on this machine: the API, its queue and the status page. Press Ctrl-C to stop it.

It takes no arguments. Settings are environment variables, for example AGENT_PORT=8080 npm start.
For a list, see "The agent" in docs/configuration.md.

  -- --help, -h  Prints this help.
`;

/** What to print instead of starting, and the exit code. */
export interface EarlyExit {
  readonly text: string;
  readonly exitCode: number;
}

/** @returns undefined if there are no arguments and the agent should start. */
export function parseArguments(args: readonly string[]): EarlyExit | undefined {
  const [first] = args;
  if (first === undefined) return undefined;
  if (args.some((arg) => arg === '--help' || arg === '-h')) return { text: HELP, exitCode: 0 };
  return { text: `Unexpected argument '${first}'.\n\n${HELP}`, exitCode: 2 };
}

/** What a person at a terminal needs to try the agent: its URL, the location of the token, and a command to paste. */
export function banner(url: string, token: ApiToken): string {
  const value = token.file === undefined ? `$${AGENT_ENV.token}` : `$(cat ${quoted(token.file)})`;
  return `
  Agent   ${url}
  Token   ${token.file ?? `the one given as ${AGENT_ENV.token}`}
  Try     curl -sS ${url}/run -H "Authorization: Bearer ${value}" -H 'Content-Type: application/json' -d '{"prompt":"Say hello"}'

`;
}

/** Quotes a path for a shell; also works inside \`"$(…)"\`. */
function quoted(file: string): string {
  return /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}

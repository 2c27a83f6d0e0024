import type { GitCheck } from '../../../agent/http/api/git.ts';
import { asList } from '../../config/value-text.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { callAgent } from '../system/agent-api.ts';
import { CliError } from '../system/terminal.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** Longer than the agent asks the hosts. */
const TIMEOUT_MS = 25_000;

/**
 * Whether the agent reaches the git hosts and they take its credentials; left out if the config has none.
 * @param context Of the kubeconfig; empty for the current one.
 * @param token The API token; undefined if this machine has none.
 */
export function git(config: StackFile, context: string, token: string | undefined): Check[] {
  const configured = asList(config.get('gitHosts'));
  return [
    {
      name: 'git hosts',
      needs: ['pod'],
      when: () => configured.length > 0,
      look: async () => {
        if (token === undefined) return skipped(`this machine has no API token (${TOKEN_FILE})`);
        const request = { method: 'POST', path: '/git/check', token, timeoutMs: TIMEOUT_MS } as const;
        const { status, body } = await callAgent(context, request);
        if (status === 401) return skipped("the agent does not accept this machine's API token");
        // An agent from before there were git hosts answers 404.
        if (status !== 200 && status !== 404) throw new CliError(`POST /git/check returned HTTP ${status}`);
        const { hosts } = status === 404 ? { hosts: [] } : (body as GitCheck);
        return hosts.length === configured.length
          ? judged(hosts)
          : broken('the agent does not have those of the config', npmRun('up'));
      },
    },
  ];
}

function judged(hosts: GitCheck['hosts']): Finding {
  const details = (list: GitCheck['hosts']) => list.map(({ name, detail }) => `${name}: ${detail}`).join(' ');
  const bad = hosts.filter((host) => !host.ok);
  return bad.length === 0 ? ok(details(hosts)) : broken(details(bad), 'docs/git.md#if-something-fails');
}

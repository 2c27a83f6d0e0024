import type { ListedRun } from '../../../agent/http/api/run.ts';
import { NAMES, TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { callAgent } from '../system/agent-api.ts';
import { CliError } from '../system/terminal.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** A run as `state=ended` lists it. */
type EndedRun = Extract<ListedRun, { readonly outcome: unknown }>;

const COUNT = 20;
const wrongToken = (): Finding =>
  broken(
    "the agent does not accept this machine's API token",
    `${npmRun('up')} deploys the token in ${TOKEN_FILE}; or write the token that callers use to that file`,
  );

/**
 * How the last runs ended.
 * @param context Of the kubeconfig; empty for the current one.
 * @param token The API token; undefined if this machine has none.
 */
export function runs(context: string, token: string | undefined): Check[] {
  return [
    {
      name: 'runs',
      needs: ['pod'],
      look: async () => {
        if (token === undefined) return skipped(`this machine has no API token (${TOKEN_FILE})`);
        try {
          const found = await listed(context, token);
          return found === 'refused' ? wrongToken() : judged(found);
        } catch (error) {
          return broken((error as Error).message, `kubectl -n ${NAMES.namespace} logs deployment/${NAMES.deployment}`);
        }
      },
    },
  ];
}

async function listed(context: string, token: string): Promise<readonly EndedRun[] | 'refused'> {
  const { status, body } = await callAgent(context, { path: `/runs?limit=${COUNT}&state=ended`, token });
  if (status === 401) return 'refused';
  if (status !== 200) throw new CliError(`GET /runs returned HTTP ${status}`);
  return (body as { runs: readonly EndedRun[] }).runs;
}

/** Ended by a person or by a restart of the agent: no sign of whether prompts are answered. */
const SAY_NOTHING: ReadonlySet<string | undefined> = new Set(['cancelled', 'interrupted']);
/** A single failure can be caused by the prompt itself. */
const TOO_MANY = 3;

function judged(list: readonly EndedRun[]): Finding {
  const telling = list.filter(({ outcome }) => !SAY_NOTHING.has(outcome));
  const [last] = telling;
  const others = list.length - telling.length;
  const without = others === 0 ? '' : ` (${others} more were cancelled or interrupted)`;
  if (!last) return ok(list.length === 0 ? 'none yet' : `none that counts${without}`);
  const good = telling.filter(({ outcome }) => outcome === 'succeeded').length;
  const counted = `${good} of the last ${telling.length} succeeded${without}`;
  const newest = telling.slice(0, TOO_MANY);
  if (newest.length < TOO_MANY || newest.some(({ outcome }) => outcome === 'succeeded')) return ok(counted);
  const ending = `${last.outcome}${last.error === undefined ? '' : `: ${last.error}`}`;
  return broken(`${counted}; the last: ${ending}`, `GET /runs/${last.id}`);
}

import type { NewLogin, NewLoginReport } from '../../../agent/http/api/login.ts';
import type { Problem } from '../../../agent/http/api/problem.ts';
import { NAMES, TOKEN_FILE } from '../../names.ts';
import { npmRun, npmRunAll } from '../../next-command.ts';
import { callAgent, storedToken } from '../system/agent-api.ts';
import type { AgentRequest, AgentResponse } from '../system/agent-api.ts';
import type { CommandContext } from '../system/environment.ts';
import { CliError, Dialogue } from '../system/terminal.ts';

/** `claude` exchanges the code, then the agent waits for the answer to a prompt. */
const TIMEOUT_MS = 240_000;
const UNCHANGED = "The agent's login did not change.";

/** Sends a request with the API token. */
type Call = (request: Omit<AgentRequest, 'token'>) => Promise<AgentResponse>;

/**
 * Logs in the agent in the pod through its API. Uses no file of the checkout but the API token, and asks for that if there is
 * none.
 * @param context of the kubeconfig; empty for the current one.
 * @returns 0.
 * @throws CliError if the agent has no new login.
 */
export async function logInPod({ environment, say }: CommandContext, context: string): Promise<number> {
  const cluster = context === '' ? "the kubeconfig's current context" : `context ${context}`;
  say(`Logs in the agent in namespace ${NAMES.namespace} of ${cluster}.`);
  const dialogue = new Dialogue();
  let token = storedToken(environment.projectDir);
  let where = token === undefined ? 'that you entered' : `in ${TOKEN_FILE}`;
  const call: Call = (request) => callAgent(context, { ...request, token: token ?? '', timeoutMs: TIMEOUT_MS });

  const start = async (): Promise<NewLogin> => {
    for (;;) {
      token ??= await dialogue.ask('API token of the agent: ', true);
      if (!token) throw new CliError(`There is no API token. ${UNCHANGED}`);
      const response = await call({ method: 'POST', path: '/auth/login' });
      if (response.status === 201) return response.body as NewLogin;
      if (response.status !== 401) throw refusal(response);
      say(`The agent does not accept the API token ${where}.`);
      token = undefined;
      where = 'that you entered';
    }
  };

  try {
    let open: NewLogin | undefined;
    for (;;) {
      if (open === undefined) {
        open = await start();
        sayAddress(open, say);
      }
      const code = await dialogue.ask('Code (or Enter for a new address): ');
      if (code === '') {
        open = undefined;
        continue;
      }
      const response = code && (await dialogue.unlessInterrupted(complete(open, code, call)));
      if (!response) throw await cancel(open, call);
      if (response.status === 200) return endOf(response.body as NewLoginReport, context, say);
      const mayTryAgain = response.status === 422 || problemIn(response)?.type === NO_SUCH_LOGIN;
      if (!mayTryAgain) throw refusal(response);
      say(detailOf(response));
    }
  } finally {
    dialogue.close();
  }
}

const NO_SUCH_LOGIN = 'urn:claude-code-agent:problem:no-such-login' satisfies Problem['type'];
const NOT_FOUND = 'urn:claude-code-agent:problem:not-found' satisfies Problem['type'];

function sayAddress({ url, expiresAt }: NewLogin, say: (line: string) => void): void {
  say(`Open this address in a browser, log in, and paste the code that the page shows, before ${expiresAt}:`);
  say(url);
}

/** @throws CliError if the agent keeps its earlier login. */
function endOf(report: NewLoginReport, context: string, say: (line: string) => void): number {
  const { state, detail, host, account, paused } = report;
  const at = context === '' ? '' : ` --context ${context}`;
  if (state !== 'ok') throw new CliError(`${state}: ${detail} To do that: ${npmRun('login', `--pod${at}`)}`);
  const job = `kubectl create job --from=cronjob/${NAMES.watchdog} check-now -n ${NAMES.namespace}`;
  say(`Logged in${account === undefined ? '' : ` as ${account}`}. The agent in pod ${host} uses the new login.`);
  if (paused) {
    const why = paused.reason === undefined ? '' : ` (${paused.reason})`;
    say(`The agent has been paused since ${paused.since}${why}, and runs nothing until it is resumed.`);
  }
  say(`The watchdog's next pass resumes n8n's workflows. To start one now: ${job}${at}`);
  return 0;
}

async function complete({ id }: NewLogin, code: string, call: Call): Promise<AgentResponse> {
  try {
    return await call({ method: 'POST', path: `/auth/login/${id}`, body: { code } });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const next = `To see whether the agent uses the new login: ${npmRun('doctor')}`;
    throw new CliError(`${error.message}. ${next}`, { cause: error });
  }
}

/** @returns what became of the login. */
async function cancel({ id, expiresAt }: NewLogin, call: Call): Promise<CliError> {
  try {
    const response = await call({ method: 'DELETE', path: `/auth/login/${id}` });
    return new CliError(response.status === 204 ? `The login was cancelled. ${UNCHANGED}` : detailOf(response));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return new CliError(`The login could not be cancelled (${error.message}). It ends at ${expiresAt}.`);
  }
}

function refusal(response: AgentResponse): CliError {
  if (problemIn(response)?.type !== NOT_FOUND) return new CliError(detailOf(response));
  return new CliError(
    `The agent in the pod is an older version, which cannot log in. Instead: ${npmRunAll('login', 'up')}`,
  );
}

const problemIn = ({ status, body }: AgentResponse): Problem | undefined =>
  status >= 400 ? (body as Problem | undefined) : undefined;

const detailOf = (response: AgentResponse): string =>
  problemIn(response)?.detail ?? `The agent returned HTTP ${response.status}.`;

import type { JournalEntry } from '../doubles/claude/script.ts';
import { until, type Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atMost, exactly, ms, percentile, seen, type Benchmark } from './figures.ts';
import { whileAskingHealth } from './health-probe.ts';

const REQUESTS = 500;
const QUEUE_LIMIT = 400;
const HEALTH_MS = 50;
const TIMEOUT_MS = 300_000;
const HELD = 'held';

export const burst: Benchmark = {
  name: 'burst',
  title: '500 requests at once',
  about: `${REQUESTS} \`POST /run\` at once to an agent that lets ${QUEUE_LIMIT} wait and is busy with a run that ends
when the last of them is refused. Processes are counted by what the scripted CLI itself writes down, not by the agent.
\`/health\` is asked every 10 ms from a thread of its own, whether earlier answers have come or not, until the last run
is answered.`,
  async run() {
    await using agent = await startAgent({
      prompts: { [HELD]: [{ do: 'hang' }] },
      env: { AGENT_QUEUE_LIMIT: String(QUEUE_LIMIT) },
    });
    const held = await hold(agent);

    const sentAt = now();
    let refused = 0;
    let refusedAt = NaN;
    const { value: answers, health } = await whileAskingHealth(agent.url, () =>
      Promise.all(
        Array.from({ length: REQUESTS }, async (_, i) => {
          const prompt = `p${i}`;
          const response = await agent.post({ prompt, timeout: TIMEOUT_MS, labels: { prompt } });
          const { output = '' } = (await response.json()) as { output?: string };
          if (response.status === 429) refused += 1;
          if (refused === REQUESTS - QUEUE_LIMIT && Number.isNaN(refusedAt)) {
            refusedAt = now();
            await agent.fetch(`/runs/${held}`, { method: 'DELETE' });
          }
          const retryAfter = Number(response.headers.get('Retry-After') ?? 0);
          return { status: response.status, retryAfter, isOwn: output === `echo: ${prompt}` };
        }),
      ),
    );

    const answered = answers.filter(({ status, isOwn }) => status === 200 && isOwn);
    const sentAway = answers.filter(({ status, retryAfter }) => status === 429 && retryAfter > 0);
    const latencies = health.map((answer) => answer.ms);
    const early = health.filter(({ at }) => at <= refusedAt).map((answer) => answer.ms);
    const begun = agent.claude.begun();
    const misplaced = (await orderOfAcceptance(agent)).filter((prompt, place) => prompt !== begun[place]);
    return [
      exactly('answered, each with its own answer', answered.length, QUEUE_LIMIT),
      exactly('refused with 429 and `Retry-After`', sentAway.length, REQUESTS - QUEUE_LIMIT),
      exactly('processes of the CLI at the same time, at most', mostAtOnce(agent.claude.journal()), 1),
      exactly('runs that began in another order than they were accepted', misplaced.length, 0),
      atMost('`/health` p99', percentile(latencies, 0.99), HEALTH_MS, ms),
      seen('`/health` p50, slowest', `${ms(percentile(latencies, 0.5))}, ${ms(Math.max(...latencies))}`),
      seen(
        '`/health` p50, p99 until the last was refused',
        `${ms(percentile(early, 0.5))}, ${ms(percentile(early, 0.99))}`,
      ),
      seen(
        'until the last was refused, until the last was answered',
        `${ms(refusedAt - sentAt)}, ${ms(now() - sentAt)}`,
      ),
    ];
  },
};

const now = () => performance.timeOrigin + performance.now();

/** Keeps the agent busy and returns the id of the run that does. */
async function hold(agent: Agent): Promise<string> {
  const body = JSON.stringify({ prompt: HELD, timeout: TIMEOUT_MS, labels: { prompt: HELD } });
  const headers = { 'Content-Type': 'application/json' };
  const response = await agent.fetch('/runs', { method: 'POST', body, headers });
  await until(() => agent.claude.begun().length === 1, 'the beginning of the first run');
  return ((await response.json()) as { id: string }).id;
}

function mostAtOnce(journal: readonly JournalEntry[]): number {
  const alive = new Set<number>();
  let most = 0;
  for (const { what, pid } of journal) {
    if (what === 'ended') alive.delete(pid);
    else alive.add(pid);
    most = Math.max(most, alive.size);
  }
  return most;
}

/** The prompts of all runs in the order in which they were accepted, as the records of runs have it. */
async function orderOfAcceptance(agent: Agent): Promise<string[]> {
  const prompts: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = (await (await agent.fetch(`/runs?limit=200${query}`)).json()) as RunPage;
    prompts.push(...page.runs.map(({ labels }) => labels.prompt));
    cursor = page.next;
  }
  return prompts.reverse();
}

interface RunPage {
  readonly runs: readonly { readonly labels: { readonly prompt: string } }[];
  readonly next: string | null;
}

import type { JournalEntry } from '../doubles/claude/script.ts';
import { until, type Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atMost, exactly, ms, percentile, seen, type Benchmark } from './figures.ts';
import { whileProbingHealth } from './health-probe.ts';

const REQUESTS = 500;
const QUEUE_LIMIT = 400;
const HEALTH_MS = 50;
const TIMEOUT_MS = 300_000;
const HELD = 'held';

export const burst: Benchmark = {
  name: 'burst',
  title: '500 requests at once',
  about: `Sends ${REQUESTS} \`POST /run\` requests at once to an agent with a queue limit of ${QUEUE_LIMIT}. The agent is busy with a run that
ends when the last excess request has been refused. The scripted CLI, not the agent, records the prompts that are
counted. Until the last run has been answered, a thread of its own requests \`/health\` every 10 ms without waiting for
earlier responses.`,
  async run() {
    await using agent = await startAgent({
      prompts: { [HELD]: [{ do: 'hang' }] },
      env: { AGENT_QUEUE_LIMIT: String(QUEUE_LIMIT) },
    });
    const held = await hold(agent);

    const sentAt = now();
    let refused = 0;
    let refusedAt = NaN;
    const { value: responses, health } = await whileProbingHealth(agent.url, () =>
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

    const answered = responses.filter(({ status, isOwn }) => status === 200 && isOwn);
    const turnedAway = responses.filter(({ status, retryAfter }) => status === 429 && retryAfter > 0);
    const latencies = health.map((response) => response.ms);
    const early = health.filter(({ at }) => at <= refusedAt).map((response) => response.ms);
    const begun = agent.claude.begun();
    const misplaced = (await orderOfAcceptance(agent)).filter((prompt, place) => prompt !== begun[place]);
    return [
      exactly('answered, each with its own output', answered.length, QUEUE_LIMIT),
      exactly('refused with 429 and `Retry-After`', turnedAway.length, REQUESTS - QUEUE_LIMIT),
      exactly('most prompts in progress at the same time', mostAtOnce(agent.claude.journal()), 1),
      exactly('runs started out of order', misplaced.length, 0),
      atMost('`/health` p99', percentile(latencies, 0.99), HEALTH_MS, ms),
      seen('`/health` p50, slowest', `${ms(percentile(latencies, 0.5))}, ${ms(Math.max(...latencies))}`),
      seen(
        '`/health` p50, p99 until the last refusal',
        `${ms(percentile(early, 0.5))}, ${ms(percentile(early, 0.99))}`,
      ),
      seen('time until the last refusal, until the last answer', `${ms(refusedAt - sentAt)}, ${ms(now() - sentAt)}`),
    ];
  },
};

const now = () => performance.timeOrigin + performance.now();

/** Starts a run that keeps the agent busy, and returns its ID. */
async function hold(agent: Agent): Promise<string> {
  const body = JSON.stringify({ prompt: HELD, timeout: TIMEOUT_MS, labels: { prompt: HELD } });
  const headers = { 'Content-Type': 'application/json' };
  const response = await agent.fetch('/runs', { method: 'POST', body, headers });
  await until(() => agent.claude.begun().length === 1, 'the start of the first run');
  return ((await response.json()) as { id: string }).id;
}

function mostAtOnce(journal: readonly JournalEntry[]): number {
  const atWork = new Set<number>();
  let most = 0;
  for (const { what, pid } of journal) {
    if (what === 'ended') atWork.delete(pid);
    else if (what === 'began') atWork.add(pid);
    most = Math.max(most, atWork.size);
  }
  return most;
}

/** The prompts of all runs in the order of acceptance, from the run records. */
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

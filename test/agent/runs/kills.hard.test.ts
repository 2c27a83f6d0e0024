import { afterEach, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Receiver } from '../../doubles/receiver/server.ts';
import { Agent, isAlive, until } from '../../support/agent.ts';
import { rounds } from '../../support/lane.ts';
import { recordsOf } from '../../support/recorded-runs.ts';

const prompts = {
  slow: [
    { do: 'wait', ms: 300 },
    { do: 'result', text: 'slow' },
  ],
} as const;
/** How often the agent is killed, each time at a random moment. */
const KILLS = rounds(4, 60);

let agent: Agent;
afterEach(() => agent[Symbol.asyncDispose]());

async function killWithin(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * ms));
  await agent.crash();
}

describe(`an agent that is killed ${KILLS} times, each time at a random moment`, () => {
  it('loses no accepted run and starts none twice', { timeout: 300_000 }, async () => {
    agent = await Agent.start({ prompts });
    let sent = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      for (let i = 0; i < 4; i += 1) {
        void agent.post({ prompt: i === 0 ? 'slow' : `run ${(sent += 1)}` }).catch(() => undefined);
      }
      await killWithin(400);
    }
    await until(async () => {
      const { activeRequests, queued } = await agent.health();
      return activeRequests + queued === 0;
    });
    await agent.end('SIGTERM');
    expect(recordsOf(agent.stateDir).every(({ state, outcome }) => state === 'ended' && outcome !== undefined)).toBe(
      true,
    );
    const begun = agent.claude.begun().filter((prompt) => prompt !== 'slow');
    expect(new Set(begun).size).toBe(begun.length);
    expect(agent.claude.journal().some(({ pid }) => isAlive(pid))).toBe(false);
  });

  it('loses no callback, and each one that arrives has the recorded outcome', { timeout: 300_000 }, async () => {
    const receiver = await Receiver.start({});
    agent = await Agent.start({ prompts, env: { AGENT_CALLBACK_HOSTS: receiver.host } });
    const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
    const ids: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      for (const prompt of ['slow', 'x', 'y']) {
        const response = await agent.fetch('/runs', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ prompt, callbackUrl: receiver.url('/hook') }),
        });
        expect(response.status).toBe(202);
        ids.push(((await response.json()) as RunResource).id);
      }
      await killWithin(500);
    }
    for (const id of ids) {
      await until(async () => (await get(id)).callback?.state === 'delivered', `the callback of ${id} arrived`);
    }
    const outcomes = new Map(
      receiver.messages
        .map(({ body }) => (JSON.parse(body) as { data: { id: string; outcome: string } }).data)
        .map(({ id, outcome }) => [id, outcome]),
    );
    expect(outcomes.size).toBe(KILLS * 3);
    for (const id of ids) expect(outcomes.get(id)).toBe(((await get(id)) as { outcome?: string }).outcome);
    await receiver.stop();
  });
});

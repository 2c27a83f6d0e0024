import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Receiver } from '../../doubles/receiver/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { recordsOf } from '../../support/recorded-runs.ts';

const prompts = {
  slow: [
    { do: 'wait', ms: 300 },
    { do: 'result', text: 'slow' },
  ],
} as const;
/** How often the agent is killed, each time at a random moment. */
const KILLS = 40;

let agent: Agent;
afterEach(() => agent[Symbol.asyncDispose]());

async function killWithin(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * ms));
  await agent.crash();
}

describe.each([4, 1])(
  `an agent with %i slot(s) that is killed ${KILLS} times, each time at a random moment`,
  (slots) => {
    const env = { AGENT_RUNNERS: `local:${slots}` };

    it('loses no accepted run and starts none twice', { timeout: 300_000 }, async () => {
      agent = await Agent.start({ prompts, env });
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
      expect(agent.left).toEqual([]);
    });

    it('loses no callback, and each one that arrives has the recorded outcome', { timeout: 300_000 }, async () => {
      const receiver = await Receiver.start({});
      agent = await Agent.start({ prompts, env: { ...env, AGENT_CALLBACK_HOSTS: receiver.host } });
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
  },
);

describe(`an agent with four slots under load that is killed ${KILLS} times`, () => {
  /** A prompt is the name of a lane and a number. A process holds the lock of its lane until it is gone. */
  const ALONE = [
    {
      do: 'shell',
      command:
        'command -v flock >/dev/null || exit 0; flock -n "../lane-${PROMPT%% *}" sleep 0.1 || echo "$PROMPT" >>../shared',
    },
    { do: 'result', text: '$PROMPT' },
  ] as const;
  const SESSIONS = [1, 2].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
  /** What a run must have to itself: nothing, a lane, or a conversation. */
  const LANES: readonly object[] = [
    {},
    ...['r', 's'].map((lane) => ({ lane })),
    ...SESSIONS.map((sessionId) => ({ sessionId })),
  ];

  it(
    'ends each accepted run in one record, starts none twice, and never shares a lane',
    { timeout: 600_000 },
    async () => {
      const env = { AGENT_RUNNERS: 'local:4', AGENT_QUEUE_LIMIT: '20' };
      agent = new Agent({ prompts: { '*': ALONE }, env });
      const conversations = path.join(agent.folder, 'home/.claude/projects/-p');
      mkdirSync(conversations, { recursive: true });
      for (const id of SESSIONS) writeFileSync(path.join(conversations, `${id}.jsonl`), '{"type":"user"}\n');
      await agent.start();
      const accepted: string[] = [];
      let sent = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        for (let i = 0; i < 2 * LANES.length; i += 1) {
          // Two in a row are in the same lane.
          const which = Math.floor(sent / 2) % LANES.length;
          const name = which === 0 ? `free${sent}` : `lane${which}`;
          const body = JSON.stringify({ prompt: `${name} ${(sent += 1)}`, ...LANES[which] });
          const headers = { 'Content-Type': 'application/json' };
          void agent
            .fetch('/runs', { method: 'POST', headers, body })
            .then(async (answer) => answer.status === 202 && accepted.push(((await answer.json()) as RunResource).id))
            .catch(() => undefined);
        }
        await killWithin(800);
      }
      await until(async () => {
        const { activeRequests, queued } = await agent.health();
        return activeRequests + queued === 0;
      }, 'the queue is empty');
      for (const id of accepted) {
        const run = (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource & { outcome?: string };
        expect(['succeeded', 'interrupted']).toContain(run.outcome);
      }
      expect(await agent.run('free last')).toMatchObject({ success: true });
      await agent.end('SIGTERM');
      const records = recordsOf(agent.stateDir);
      expect(records.every(({ state }) => state === 'ended')).toBe(true);
      expect(records.length).toBeGreaterThanOrEqual(accepted.length);
      const begun = agent.claude.begun();
      expect(new Set(begun).size).toBe(begun.length);
      expect(existsSync(path.join(agent.folder, 'shared'))).toBe(false);
      expect(agent.left).toEqual([]);
    },
  );
});

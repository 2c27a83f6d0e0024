import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent, isAlive, until, WITHOUT_TOKEN } from '../../support/agent.ts';
import { recordsOf } from '../../support/recorded-runs.ts';

let agent: Agent;
beforeEach(async () => {
  agent = await Agent.start({
    prompts: {
      hang: [{ do: 'ignore' }, { do: 'setsid' }, { do: 'hang' }],
      held: [
        { do: 'shell', command: 'for _ in $(seq 1200); do [ -e "$HOME/open" ] && break; sleep 0.05; done' },
        { do: 'result', text: 'held' },
      ],
      slow: [
        { do: 'wait', ms: 300 },
        { do: 'result', text: 'slow' },
      ],
    },
  });
});
afterEach(() => agent[Symbol.asyncDispose]());

const send = (prompt: string) => agent.post({ prompt }).catch(() => undefined);
const queued = (count: number) => until(async () => (await agent.health()).queued === count, `${count} queued`);

describe('an agent that is killed', () => {
  it('executes waiting runs after its restart, ends the one in progress, and executes nothing twice', async () => {
    void send('hang');
    await until(() => agent.claude.journal().some(({ what }) => what === 'grandchild'));
    void send('first');
    await queued(1);
    void send('second');
    await queued(2);
    const before = agent.claude.journal().map(({ pid }) => pid);

    await agent.crash();
    expect(before.some(isAlive)).toBe(false);
    await until(() => agent.lines.filter((line) => line.includes('"outcome":"succeeded"')).length === 2, 'both ran');
    expect(agent.claude.begun()).toEqual(['hang', 'first', 'second']);

    await agent.crash();
    expect((await agent.run('third')).success).toBe(true);
    await agent.end('SIGTERM');
    expect(agent.claude.begun()).toEqual(['hang', 'first', 'second', 'third']);
    expect(recordsOf(agent.stateDir).map(({ outcome }) => outcome)).toEqual([
      'interrupted',
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
  });

  it('does not start a run that timed out meanwhile', async () => {
    void send('hang');
    await until(() => agent.claude.begun().length === 1);
    void agent.post({ prompt: 'short', timeout: 500 }).catch(() => undefined);
    await queued(1);
    await agent.end('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 600));
    await agent.start();
    await until(() => agent.lines.some((line) => line.includes('"outcome":"timed_out"')));
    expect(agent.claude.begun()).toEqual(['hang']);
  });
});

describe('a record', () => {
  it('exists before the run starts, and loses the prompt when the run ends', async () => {
    void send('hang');
    await until(() => agent.claude.begun().length === 1);
    await agent.end('SIGKILL');
    expect(recordsOf(agent.stateDir)).toEqual([{ state: 'running', prompt: 'hang', outcome: undefined }]);
    await agent.start();
    await agent.end('SIGTERM');
    expect(recordsOf(agent.stateDir)).toEqual([{ state: 'ended', prompt: null, outcome: 'interrupted' }]);
  });

  it('that cannot be written prevents the acceptance', async () => {
    await agent.end('SIGTERM');
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'));
    db.exec(`CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'disk full'); END`);
    db.close();
    await agent.start();
    const response = await agent.post({ prompt: 'x' });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ type: 'urn:claude-code-agent:problem:storage' });
    expect(agent.claude.begun()).toEqual([]);
  });

  it('that cannot be written prevents the acceptance of many concurrent requests', async () => {
    await agent.end('SIGTERM');
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'));
    db.exec(
      `CREATE TRIGGER full BEFORE INSERT ON runs WHEN new.prompt = 'p7' BEGIN SELECT RAISE(FAIL, 'disk full'); END`,
    );
    db.close();
    await agent.start();
    const prompts = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const answers = await Promise.all(
      prompts.map(async (prompt) => ({ prompt, status: (await agent.post({ prompt })).status })),
    );
    const accepted = answers.filter(({ status }) => status === 200).map(({ prompt }) => prompt);
    expect(answers.filter(({ status }) => status === 503).map(({ prompt }) => prompt)).toContain('p7');
    expect(accepted.length).toBeGreaterThan(0);
    expect(agent.claude.begun().sort()).toEqual(accepted.sort());
    await agent.end('SIGTERM');
    expect(recordsOf(agent.stateDir).map(({ outcome }) => outcome)).toEqual(accepted.map(() => 'succeeded'));
  });

  it('whose end cannot be written is not a success', async () => {
    await agent.end('SIGTERM');
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'));
    db.exec(
      `CREATE TRIGGER full BEFORE UPDATE ON runs WHEN new.state = 'ended' BEGIN SELECT RAISE(FAIL, 'disk full'); END`,
    );
    db.close();
    await agent.start();
    const response = await agent.post({ prompt: 'x' });
    expect(response.status).toBe(503);
    expect((await agent.fetch('/ready', WITHOUT_TOKEN)).status).toBe(503);
  });
});

describe('a record that cannot be written', () => {
  /** Restarts the agent with a trigger that makes writes fail. */
  async function refusing(trigger: string): Promise<void> {
    await agent.end('SIGTERM');
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'));
    db.exec(`CREATE TRIGGER full ${trigger} BEGIN SELECT RAISE(FAIL, 'disk full'); END`);
    db.close();
    await agent.start();
  }
  const kindOf = async (response: Response) => [response.status, ((await response.json()) as { type: string }).type];
  const STORAGE = [503, 'urn:claude-code-agent:problem:storage'];

  it('of a cancelled waiting run keeps the run listed, and it does not start', async () => {
    await refusing(`BEFORE UPDATE ON runs WHEN new.outcome = 'cancelled'`);
    void agent.post({ prompt: 'held' });
    await until(() => agent.claude.begun().length === 1);
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': 'a-key' };
    const create = () => agent.fetch('/runs', { method: 'POST', body: '{"prompt":"cancelled"}', headers });
    const { id } = (await (await create()).json()) as { id: string };
    for (let i = 0; i < 2; i += 1) {
      expect(await kindOf(await agent.fetch(`/runs/${id}`, { method: 'DELETE' }))).toEqual(STORAGE);
    }
    expect(((await (await create()).json()) as { id: string }).id).toBe(id);
    expect((await agent.fetch('/ready', WITHOUT_TOKEN)).status).toBe(503);
    writeFileSync(path.join(agent.folder, 'home/open'), '');
    expect((await agent.run('after')).success).toBe(true);
    expect(agent.claude.begun()).toEqual(['held', 'after']);
  });

  it('of a pause leaves the agent unchanged, and reports it', async () => {
    await refusing(`BEFORE INSERT ON meta WHEN new.key = 'pause'`);
    expect(await kindOf(await agent.fetch('/pause', { method: 'POST' }))).toEqual(STORAGE);
    expect((await agent.run('goes on')).success).toBe(true);
  });
});

describe('a state folder', () => {
  it('serves one agent at a time', async () => {
    const second = new Agent({ env: { AGENT_STATE_DIR: agent.stateDir } });
    await expect(second.start()).rejects.toThrow(/in use by another agent.*AGENT_STATE_DIR/s);
    await second[Symbol.asyncDispose]();
    expect((await agent.run('still here')).success).toBe(true);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { Agent } from '../../support/agent.ts';
import { closedPort } from '../../support/closed-port.ts';
import { KEY } from '../../support/runner.ts';

it('an agent that starts ends what its own logins left, and nothing of its runners, which it may see on the same machine', async () => {
  const gatewayUrl = await closedPort();
  await using agent = new Agent({
    env: {
      AGENT_RUNNERS: await closedPort(),
      AGENT_GATEWAY_PORT: new URL(gatewayUrl).port,
      AGENT_GATEWAY_URL: gatewayUrl,
      AGENT_AUTH_MODE: 'apiKey',
      ANTHROPIC_API_KEY: 'sk-ant-api03-any',
    },
  });
  const keyFile = path.join(agent.folder, 'runner-key.pem');
  writeFileSync(keyFile, KEY.export({ format: 'pem', type: 'pkcs8' }));
  agent.env['AGENT_RUNNER_KEY_FILE'] = keyFile;
  await agent.start();
  await agent.end('SIGTERM');
  const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'), { readOnly: true });
  const { value: instance } = db.prepare(`SELECT value FROM meta WHERE key = 'instance'`).get() as { value: string };
  db.close();
  const marked = (mark: string) =>
    spawn('sleep', ['60'], { stdio: 'ignore', env: { PATH: process.env['PATH'], CLAUDE_AGENT_RUN: mark } });
  const [ofLogin, ofRunner] = [marked(`${instance}.own/login-1`), marked(`${instance}/prepared-1`)];
  const ended = once(ofLogin, 'exit');
  try {
    await agent.start();
    await ended;
    expect([ofLogin.signalCode, ofRunner.exitCode, ofRunner.signalCode]).toEqual(['SIGKILL', null, null]);
  } finally {
    ofLogin.kill('SIGKILL');
    ofRunner.kill('SIGKILL');
  }
});

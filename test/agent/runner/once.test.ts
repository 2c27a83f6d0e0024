import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates, type Certificates } from '../../doubles/oauth-proxy/certificates.ts';
import { Receiver, type Reaction } from '../../doubles/receiver/server.ts';
import { until } from '../../support/agent.ts';
import { NamedRunners } from '../../support/named-runners.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER } from '../../support/runner.ts';

const [A, B, C, D, E] = ['aaaaa', 'bbbbb', 'ccccc', 'ddddd', 'eeeee'].map((end) => `claude-code-runner-7c9-${end}`) as [
  string,
  string,
  string,
  string,
  string,
];
const podOf = (name: string) => `/api/v1/namespaces/of-the-agent/pods/${name}`;

describe('runners for one run each', needs(NO_CONTAINER), () => {
  let certificates: Certificates;
  let api: Receiver;
  let runners: NamedRunners;
  /** What the API server answers to the deletion of each pod. */
  const answers: Record<string, Reaction[]> = {
    [podOf(A)]: [500, 200],
    [podOf(B)]: [403],
    [podOf(C)]: [200],
    [podOf(D)]: [200],
    [podOf(E)]: [200],
  };
  beforeAll(async () => {
    certificates = await makeCertificates('localhost');
    api = await Receiver.start(answers, { tls: certificates });
    runners = new NamedRunners({
      AGENT_RUNNER_REUSE: 'off',
      KUBERNETES_SERVICE_HOST: 'localhost',
      KUBERNETES_SERVICE_PORT: String(api.port),
    });
    copyFileSync(certificates.caFile, path.join(runners.folder, 'serviceaccount/ca.crt'));
    writeFileSync(path.join(runners.folder, 'serviceaccount/namespace'), 'of-the-agent');
    tellToken('first');
  });
  afterAll(async () => {
    await runners[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await certificates[Symbol.asyncDispose]();
  });

  const tellToken = (token: string) => writeFileSync(path.join(runners.folder, 'serviceaccount/token'), `${token}\n`);
  const requests = (count: number, name: string) =>
    until(() => api.at(podOf(name)).length >= count, `deletion ${count} of ${name}`);
  const inState = (state: string, count: number) =>
    until(async () => (await runners.count(state)) === count, `${count} ${state}`);

  it('end after it, have their pod deleted, and have no other run until the pod is gone', async () => {
    const first = await runners.runner(2, A);
    runners.name([first]);
    await runners.start();
    // A process that is started ahead and gets no prompt is not a run.
    await until(
      async () =>
        (await runners.agent.fetch('/metrics')).text().then((text) => /^claude_agent_warm_processes 1$/m.test(text)),
      'a warm process',
    );
    expect(await runners.agent.run('first', { model: 'opus' })).toMatchObject({ success: true });
    expect(await first.exit).toBe(0);

    // The container of the pod is started again.
    const again = await runners.runner(2, A);
    const waiting = runners.agent.run('second');
    tellToken('second');
    await until(
      () => api.at(podOf(A)).at(-1)?.headers.authorization === 'Bearer second',
      'a deletion with the new token',
    );
    expect(new Set(api.messages.map(({ method }) => method))).toEqual(new Set(['DELETE']));
    expect(api.at(podOf(A))[0]?.headers.authorization).toBe('Bearer first');
    expect(runners.agent.lines.find((line) => line.includes('cannot be deleted'))).toMatch(
      new RegExp(`"pod":"${A}","status":500`),
    );
    expect(await runners.count('used')).toBe(1);
    expect(await (await runners.agent.fetch('/ready')).json()).toMatchObject({
      notice: expect.stringContaining('No runner is ready') as string,
    });
    await again[Symbol.asyncDispose]();
    expect(again.lines.join()).not.toContain('started');

    const next = await runners.runner(2, B);
    answers[podOf(A)] = [404];
    expect(await waiting).toMatchObject({ success: true });
    expect(runners.placeOf('second')).toBe(next.folder);
    expect(await next.exit).toBe(0);
  });

  it('have none either when their address was gone meanwhile and they could not be deleted, and others go on', async () => {
    runners.name([]);
    await inState('used', 0);
    const again = await runners.runner(2, B);
    runners.name([again]);
    await inState('used', 1);
    const waiting = runners.agent.run('third');
    const [other, stranger] = [await runners.runner(3, C), await runners.runner(4, 'another-pod')];
    runners.name([again, stranger, other]);
    expect(await waiting).toMatchObject({ success: true });
    expect(runners.placeOf('third')).toBe(other.folder);
    await requests(1, C);
    await until(
      () =>
        runners.agent.lines.some((line) => line.includes('must be that of a pod and begin with claude-code-runner-')),
      'the host name is refused',
    );
    expect(runners.agent.lines.filter((line) => line.includes('cannot be deleted')).at(-1)).toContain('"status":403');
    expect(new Set(api.messages.map((message) => message.path))).toEqual(new Set([A, B, C].map(podOf)));
    for (const runner of [again, stranger]) expect(runner.lines.join()).not.toContain('started');
  });

  it('have none from an agent that was killed in the middle of the run, or while it deleted the pod', async () => {
    const [deleted, used] = [await runners.runner(7, B), await runners.runner(5, D)];
    runners.name([deleted, used]);
    await runners.agent.submit('hold-fourth');
    await until(() => runners.placeOf('hold-fourth') === used.folder, 'the run begins');
    const before = api.at(podOf(B)).length;
    await runners.agent.end('SIGKILL');
    expect(await used.exit).toBe(0);

    const again = await runners.runner(5, D);
    runners.name([deleted, again]);
    await runners.agent.start();
    await inState('used', 2);
    await requests(before + 1, B);
    await requests(1, D);
    const waiting = runners.agent.run('fifth');
    const other = await runners.runner(6, E);
    runners.name([deleted, again, other]);
    expect(await waiting).toMatchObject({ success: true });
    expect(runners.placeOf('fifth')).toBe(other.folder);
    for (const runner of [deleted, again]) expect(runner.lines.join()).not.toContain('started');

    // Once the pod is gone, what has its name is another one.
    await inState('used', 3);
    answers[podOf(D)] = [404];
    await inState('used', 2);
  });
});

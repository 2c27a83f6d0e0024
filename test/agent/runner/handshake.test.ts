import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isSigned, publicKeyOf, signChallenge } from '../../../agent/runner/key.ts';
import { rawPublicKey } from '../../../agent/runner/key.ts';
import { CLOSE } from '../../../agent/runner/protocol.ts';
import { until } from '../../support/agent.ts';
import { needs } from '../../support/needs.ts';
import { KEY, NO_CONTAINER, RunnerProgram, runnersAt, TestRunnerHost } from '../../support/runner.ts';
import { RawAgent } from './raw-agent.ts';

const OTHER_KEY = generateKeyPairSync('ed25519').privateKey;

describe('a runner', needs(NO_CONTAINER), () => {
  let runner: RunnerProgram;
  const agents: RawAgent[] = [];
  beforeAll(async () => {
    runner = await RunnerProgram.start();
  });
  afterEach(() => {
    for (const agent of agents.splice(0)) agent.close();
  });
  afterAll(() => runner[Symbol.asyncDispose]());

  function agent(): RawAgent {
    const raw = new RawAgent(runner.address);
    agents.push(raw);
    return raw;
  }

  it('takes only the signature of its agent', async () => {
    const stranger = agent();
    await stranger.authenticate({}, OTHER_KEY);
    expect(await stranger.closed).toBe(CLOSE.unauthorized);
  });

  it.each([
    { what: 'of another address', instead: { address: '127.0.0.2' } },
    { what: 'of another port', instead: { port: 7070 } },
    { what: 'of another nonce', instead: { nonce: Buffer.alloc(32, 1).toString('base64') } },
  ])('takes no signature $what', async ({ instead }) => {
    const relay = agent();
    await relay.authenticate(instead);
    expect(await relay.closed).toBe(CLOSE.unauthorized);
  });

  it('takes a signature once: the nonce is new for each connection', async () => {
    const [first, second] = [agent(), agent()];
    const [one, other] = await Promise.all([first.next('hello'), second.next('hello')]);
    expect(one.nonce).not.toBe(other.nonce);
    second.say({ type: 'authenticate', signature: signChallenge({ ...runner.address, nonce: one.nonce }, KEY) });
    expect(await second.closed).toBe(CLOSE.unauthorized);
  });

  it('does nothing for one that has not shown that it is the agent', async () => {
    const stranger = agent();
    await stranger.next('hello');
    stranger.say({ type: 'start', file: 'sh', args: [], env: {}, cwd: '.', files: [] });
    expect(await stranger.closed).toBe(CLOSE.unauthorized);
    expect(await runner.health()).toMatchObject({ status: 'ok', state: 'ready' });
  });

  it('lets many strangers wait, but not keep the agent out', async () => {
    const strangers = Array.from({ length: 20 }, agent);
    await Promise.all(strangers.slice(-8).map((stranger) => stranger.next('hello')));
    await using host = await runnersAt([runner.address]);
    expect(host.counts).toMatchObject({ ready: 1 });
  });

  it('refuses a second agent as busy, and goes on with the first', async () => {
    await using host = await runnersAt([runner.address]);
    const shell = host.shell('cat');
    const second = agent();
    await second.authenticate();
    expect(await second.closed).toBe(CLOSE.busy);
    expect(await runner.health()).toMatchObject({ state: 'busy' });
    shell.write('still here');
    shell.closeStdin();
    expect(await shell.exit).toEqual({ code: 0 });
    expect(shell.said.stdout).toBe('still here');
  });

  it('keeps its port: another one does not start there, and says why', async () => {
    const another = RunnerProgram.start({ env: { RUNNER_PORT: String(runner.address.port) } });
    await expect(another).rejects.toThrow(/^exit code 2:.*The runner cannot listen on .*RUNNER_PORT.*EADDRINUSE/s);
  });

  it('is unreachable for an agent with another key, which says so', async () => {
    await using host = new TestRunnerHost([runner.address], { privateKey: OTHER_KEY });
    await host.until('unreachable');
    expect(host.lines.join()).toContain("a runner refuses the agent's key");
    await until(() => runner.lines.join().includes('a connection that is not the agent was refused'), 'it is logged');
  });
});

describe('a signature', () => {
  const publicKey = publicKeyOf(rawPublicKey(KEY));
  const nonce = 'n';

  it.each([
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['fd00::1', 'FD00:0:0:0:0:0:0:1'],
    ['fe80::1', 'fe80::1%eth0'],
  ])('for %s is one for %s', (dialled, seen) => {
    if (!publicKey) throw new Error('no key');
    const signature = signChallenge({ address: dialled, port: 7070, nonce }, KEY);
    expect(isSigned({ address: seen, port: 7070, nonce }, signature, publicKey)).toBe(true);
    expect(isSigned({ address: seen, port: 7071, nonce }, signature, publicKey)).toBe(false);
  });
});

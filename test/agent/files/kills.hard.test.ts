import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { UploadedFile } from '../../../agent/http/api/file.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { recordsOf } from '../../support/recorded-runs.ts';

const hashOf = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex');

const copies = [
  { do: 'wait', ms: 60 },
  { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"; printf "of $PROMPT" > "$CLAUDE_RUN_OUT/made.txt"' },
  { do: 'result', text: 'done' },
] as const;

const WAYS = ['fileId', 'base64', 'multipart'] as const;
type Way = (typeof WAYS)[number];

/** A run that is sent until it is accepted. */
interface Sent {
  readonly prompt: string;
  readonly way: Way;
  readonly name: string;
  /** Of the file that goes in. */
  readonly sha256: string;
  readonly accepted: Promise<RunResource>;
}

let agent: Agent;
afterEach(() => agent[Symbol.asyncDispose]());

const stored = () => readdirSync(path.join(agent.stateDir, 'files'));
const has = (what: string) => stored().some((name) => name.startsWith(what));

/** Sends again as long as the agent is not there, as n8n does. */
async function again<T>(send: () => Promise<Response>): Promise<T> {
  for (let times = 0; times < 2000; times += 1) {
    try {
      const response = await send();
      const answer = (await response.json()) as T;
      expect([201, 202], JSON.stringify(answer)).toContain(response.status);
      return answer;
    } catch (error) {
      if (!isCutOff(error)) throw error;
      await sleep(20);
    }
  }
  throw new Error('The agent did not come back.');
}

/** What fetch throws for a connection that is refused or ends early. */
const isCutOff = (error: unknown) => error instanceof TypeError;

const json = (key: string, body: object) =>
  again<RunResource>(() =>
    agent.fetch('/runs', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(body),
    }),
  );

/** @param half what is sent first of a body; the rest follows when the promise resolves. */
function inHalves(body: Uint8Array, half: Promise<unknown>): ReadableStream<Uint8Array> {
  const middle = Math.floor(body.length / 2);
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(body.subarray(0, middle));
      await half;
      controller.enqueue(body.subarray(middle));
      controller.close();
    },
  });
}

class Senders {
  readonly all: Sent[] = [];
  /** Every upload that was answered. */
  readonly uploads: UploadedFile[] = [];

  /** @param rest when the second half of what is sent first may follow. */
  send(way: Way, rest: Promise<unknown> = Promise.resolve()): Sent {
    const prompt = `${way}-${this.all.length}`;
    // More than what is written or hashed at once; as base64 less than a JSON body may have.
    const content = randomBytes(way === 'base64' ? 600_000 : 800_000);
    const name = `${this.all.length} in.bin`;
    const sent = {
      prompt,
      way,
      name,
      sha256: hashOf(content),
      accepted: this.#accepted(way, prompt, name, content, rest),
    };
    this.all.push(sent);
    return sent;
  }

  async #accepted(way: Way, prompt: string, name: string, content: Buffer<ArrayBuffer>, rest: Promise<unknown>) {
    if (way === 'base64') return json(prompt, { prompt, files: [{ name, base64: content.toString('base64') }] });
    if (way === 'fileId') {
      const upload = await again<UploadedFile>(() =>
        agent.fetch(`/files?name=${encodeURIComponent(name)}`, {
          method: 'PUT',
          body: inHalves(content, rest),
          duplex: 'half',
        }),
      );
      this.uploads.push(upload);
      return json(prompt, { prompt, files: [{ fileId: upload.fileId }] });
    }
    const form = new FormData();
    form.set('request', JSON.stringify({ prompt }));
    form.append('file', new Blob([content]), name);
    const whole = new Response(form);
    const type = whole.headers.get('Content-Type') ?? '';
    const body = new Uint8Array(await whole.arrayBuffer());
    return again<RunResource>(() =>
      agent.fetch('/runs', {
        method: 'POST',
        headers: { 'Content-Type': type, 'Idempotency-Key': prompt },
        body: inHalves(body, rest),
        duplex: 'half',
      }),
    );
  }
}

/** When the agent is killed, and how the run comes that is looked at. Once it is accepted, that makes no difference. */
const KILLS: readonly { readonly way: Way; readonly has: (sent: Sent) => boolean }[] = [
  // The content is stored, and perhaps no record names it.
  ...WAYS.map((way) => ({ way, has: ({ sha256 }: Sent) => has(sha256) })),
  // Claude has begun.
  { way: 'fileId', has: ({ prompt }) => agent.claude.begun().includes(prompt) },
  // What a run left is copied, which is over so soon that it may be missed.
  { way: 'base64', has: ({ prompt }) => has('.out-') || has(hashOf(`of ${prompt}`)) },
  // What it left is stored, and perhaps no record names it.
  { way: 'multipart', has: ({ prompt }) => has(hashOf(`of ${prompt}`)) },
];
/** How often it is also killed at a random moment. */
const RANDOM = 4;

/** Looks again and again, without a pause: some moments are short. */
async function come(moment: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!moment()) {
    if (Date.now() > end) throw new Error('The moment did not come.');
    await setImmediate();
  }
}

describe('an agent with runs that have files', () => {
  it('loses none of them and no file, whenever it is killed', { timeout: 180_000 }, async () => {
    agent = await Agent.start({ prompts: { '*': copies }, checksAnswers: false });
    const senders = new Senders();
    const idle = () =>
      until(async () => {
        const { activeRequests, queued } = await agent.health();
        return activeRequests + queued === 0;
      }, 'the queue is empty');

    for (const way of ['fileId', 'multipart'] as const) {
      const crashed = Promise.withResolvers<undefined>();
      const { accepted } = senders.send(way, crashed.promise);
      await come(() => has('.new-'));
      await agent.crash();
      crashed.resolve(undefined);
      await accepted;
    }
    for (const kill of KILLS) {
      const first = senders.send(kill.way);
      // They wait meanwhile.
      for (const way of WAYS) senders.send(way);
      await come(() => kill.has(first));
      await agent.crash();
      await Promise.all(senders.all.map(({ accepted }) => accepted));
    }
    for (let kill = 0; kill < RANDOM; kill += 1) {
      for (const way of WAYS) senders.send(way);
      await sleep(Math.random() * 400);
      await agent.crash();
    }
    const runs = await Promise.all(senders.all.map(({ accepted }) => accepted));
    await idle();

    const outcomes = new Set<unknown>();
    const named = new Set<string>();
    for (const [i, { prompt, name, sha256 }] of senders.all.entries()) {
      const id = runs[i]?.id ?? '';
      const run = (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource & { outcome?: string };
      expect(run.request.files).toMatchObject([{ name, sha256 }]);
      const given = { token: TOKEN, action: 'download', run: id, file: name, way: 'given' };
      const kept = await fetch(agent.url, { method: 'POST', body: new URLSearchParams(given) });
      expect(hashOf(await kept.bytes())).toBe(sha256);
      const made = hashOf(`of ${prompt}`);
      const files = [
        [name, sha256],
        ['made.txt', made],
      ] as const;
      if (run.outcome === 'interrupted') {
        expect(run).not.toHaveProperty('files');
        expect(run.warnings).toContainEqual(expect.stringContaining('they are not kept'));
      } else {
        expect(run).toMatchObject({
          outcome: 'succeeded',
          files: files.map(([each, hash]) => ({ name: each, sha256: hash })),
        });
        for (const [each, hash] of files) {
          const left = await agent.fetch(`/runs/${id}/files/${encodeURIComponent(each)}`);
          expect(hashOf(await left.bytes())).toBe(hash);
        }
        named.add(made);
      }
      named.add(sha256);
      outcomes.add(run.outcome);
    }
    expect(outcomes).toEqual(new Set(['succeeded', 'interrupted']));

    const answer = await agent.run('again', { files: senders.uploads.map(({ fileId }) => ({ fileId })) });
    expect(
      answer.files
        ?.filter(({ name }) => name !== 'made.txt')
        .map(({ sha256 }) => sha256)
        .sort(),
    ).toEqual(senders.uploads.map(({ sha256 }) => sha256).sort());
    named.add(hashOf('of again'));
    await agent.end('SIGTERM');
    const states = recordsOf(agent.stateDir).map(({ state }) => state);
    expect(states).toEqual(Array.from({ length: senders.all.length + 1 }, () => 'ended'));
    const begun = agent.claude.begun();
    expect(new Set(begun).size).toBe(begun.length);
    await agent.start();
    await until(() => stored().length === named.size, 'what nobody needs is removed');
    expect(new Set(stored())).toEqual(named);
    for (const file of stored()) expect(hashOf(readFileSync(path.join(agent.stateDir, 'files', file)))).toBe(file);
    await agent.end('SIGTERM');
    expect(agent.left).toEqual([]);
  });
});

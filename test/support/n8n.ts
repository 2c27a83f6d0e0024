import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAlive } from './agent.ts';
import { N8N_PROGRAM } from './n8n-home.ts';

/** What the watchdog's API key needs. */
export const WATCHDOG_SCOPES = ['workflow:list', 'workflow:read', 'workflow:activate', 'workflow:deactivate'] as const;

/** A workflow in n8n's API. */
export interface N8nWorkflow {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly activeVersionId: string | null;
  readonly versionId: string;
  readonly isArchived: boolean;
}

const START_MS = 180_000;
const PATIENCE_MS = 30_000;
const OWNER = { email: 'owner@example.org', firstName: 'Test', lastName: 'Owner', password: 'Passw0rd-of-the-tests' };
const ALL_SCOPES = [
  ...WATCHDOG_SCOPES,
  ...['workflow:create', 'workflow:update', 'workflow:delete', 'workflowTags:update', 'tag:create', 'tag:list'],
  ...['execution:read', 'execution:list'],
];
const run = promisify(execFile);

/** How a test in another process finds a running n8n. */
export interface N8nHandle {
  readonly url: string;
  /** Its folder, with the id of its process in the file `pid`. */
  readonly home: string;
  readonly key: string;
  readonly cookie: string;
  /** Variables of its own. */
  readonly env: Readonly<Record<string, string>>;
}

/** A real n8n with its own folder, owner and API key. Disposing stops it. */
export class RealN8n implements AsyncDisposable {
  readonly url: string;
  readonly #home: string;
  readonly #own: Readonly<Record<string, string>>;
  #cookie: string;
  #key: string;

  private constructor({ url, home, key, cookie, env }: N8nHandle) {
    this.url = url;
    this.#home = home;
    this.#own = env;
    this.#key = key;
    this.#cookie = cookie;
  }

  /** Starts n8n on loopback, which takes about 10 seconds, or a minute on a busy machine. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<RealN8n> {
    const home = mkdtempSync(path.join(tmpdir(), 'n8n-'));
    const n8n = new RealN8n({ url: `http://127.0.0.1:${await freePort()}`, home, key: '', cookie: '', env });
    try {
      await n8n.#start();
      await n8n.rest('POST', '/rest/owner/setup', OWNER);
      n8n.#key = await n8n.apiKey(ALL_SCOPES);
    } catch (error) {
      await n8n[Symbol.asyncDispose]();
      throw error;
    }
    return n8n;
  }

  /** The n8n that another process started. */
  static at(handle: N8nHandle): RealN8n {
    return new RealN8n(handle);
  }

  get handle(): N8nHandle {
    return { url: this.url, home: this.#home, key: this.#key, cookie: this.#cookie, env: this.#own };
  }

  /** Host and port, for the list of hosts that callbacks may go to. */
  get host(): string {
    return new URL(this.url).host;
  }

  /** The session cookies of the owner, for a browser. */
  get cookies(): { name: string; value: string; url: string }[] {
    return this.#cookie.split('; ').map((cookie) => {
      const [name = '', value = ''] = cookie.split(/=(.*)/s);
      return { name, value, url: this.url };
    });
  }

  /** Kills it like a crash, runs `meanwhile`, and starts it again with the same folder and port. */
  async crash(meanwhile: () => Promise<void>): Promise<void> {
    await this.#kill();
    await meanwhile();
    await this.#start();
  }

  /** Runs a command of n8n next to the running server, and returns its output. */
  async command(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(process.execPath, [N8N_PROGRAM, ...args], {
      cwd: process.cwd(),
      env: await this.#env(),
      timeout: START_MS,
    });
    return stdout + stderr;
  }

  /** A new key of the public API. */
  async apiKey(scopes: readonly string[] = WATCHDOG_SCOPES): Promise<string> {
    const label = `key ${Math.random()}`;
    const { data } = (await this.rest('POST', '/rest/api-keys', { label, expiresAt: null, scopes })) as {
      data: { rawApiKey: string };
    };
    return data.rawApiKey;
  }

  /** Calls the editor's API as the owner. Rejects unless it succeeds. */
  async rest(method: string, route: string, body?: object): Promise<unknown> {
    const response = await fetch(this.url + route, {
      method,
      headers: { 'content-type': 'application/json', cookie: this.#cookie },
      ...(body && { body: JSON.stringify(body) }),
    });
    const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
    if (cookies.length > 0) this.#cookie = cookies.join('; ');
    return read(response, `${method} ${route}`);
  }

  /** The content that binary data in n8n's store has, by its id. */
  async binary(id: string): Promise<Buffer> {
    const route = `/rest/binary-data?action=download&id=${encodeURIComponent(id)}`;
    const response = await fetch(this.url + route, { headers: { cookie: this.#cookie } });
    if (!response.ok) throw new Error(`n8n answered GET ${route} with ${response.status}.`);
    return Buffer.from(await response.arrayBuffer());
  }

  /** Calls the public API with a key that has all permissions the tests need. Rejects unless it succeeds. */
  async api(method: string, route: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1${route}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-n8n-api-key': this.#key },
      ...(body && { body: JSON.stringify(body) }),
    });
    return read(response, `${method} ${route}`);
  }

  /** The id of the tag, which is created if necessary. */
  async tag(name: string): Promise<string> {
    const { data } = (await this.api('GET', '/tags?limit=250')) as { data: { id: string; name: string }[] };
    const found = data.find((tag) => tag.name === name);
    return found?.id ?? ((await this.api('POST', '/tags', { name })) as { id: string }).id;
  }

  /** A workflow that a timer starts every `hours`; published by default. */
  async addWorkflow(name: string, { tag = 'claude-agent', published = true, hours = 9 } = {}): Promise<N8nWorkflow> {
    const { id } = (await this.api('POST', '/workflows', { name, ...draft(hours) })) as { id: string };
    await this.tagWorkflow(id, tag);
    if (published) await this.api('POST', `/workflows/${id}/publish`, {});
    return this.workflow(id);
  }

  /** Replaces the tags of a workflow by one. */
  async tagWorkflow(id: string, tag = 'claude-agent'): Promise<void> {
    await this.api('PUT', `/workflows/${id}/tags`, [{ id: await this.tag(tag) }]);
  }

  /** Saves another draft, like the editor: the published version stays. */
  async edit(id: string, hours = 11): Promise<void> {
    await this.rest('PATCH', `/rest/workflows/${id}`, draft(hours));
  }

  /** Removes a workflow; n8n needs a moment to release a published one. */
  async remove(id: string): Promise<void> {
    await this.api('POST', `/workflows/${id}/archive`);
    for (const end = Date.now() + PATIENCE_MS; ;) {
      try {
        await this.api('DELETE', `/workflows/${id}`);
        return;
      } catch (error) {
        if (!String(error).includes('with 409') || Date.now() > end) throw error;
        await sleep(200);
      }
    }
  }

  async workflow(id: string): Promise<N8nWorkflow> {
    return (await this.api('GET', `/workflows/${id}`)) as N8nWorkflow;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  get #pidFile(): string {
    return path.join(this.#home, 'pid');
  }

  async #env(): Promise<NodeJS.ProcessEnv> {
    return {
      PATH: process.env['PATH'],
      HOME: this.#home,
      N8N_USER_FOLDER: this.#home,
      N8N_ENCRYPTION_KEY: 'key-of-the-tests',
      N8N_LISTEN_ADDRESS: '127.0.0.1',
      N8N_PORT: new URL(this.url).port,
      N8N_RUNNERS_BROKER_PORT: String(await freePort()),
      WEBHOOK_URL: `${this.url}/`,
      N8N_DIAGNOSTICS_ENABLED: 'false',
      N8N_PERSONALIZATION_ENABLED: 'false',
      N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
      N8N_TEMPLATES_ENABLED: 'false',
      N8N_SECURE_COOKIE: 'false',
      ...this.#own,
    };
  }

  async #start(): Promise<void> {
    const child = spawn(process.execPath, [N8N_PROGRAM, 'start'], {
      cwd: this.#home,
      env: await this.#env(),
      stdio: 'ignore',
    });
    child.unref();
    writeFileSync(this.#pidFile, String(child.pid));
    await this.#ready();
  }

  async #kill(): Promise<void> {
    const pid = this.#pid();
    if (pid === undefined || !isAlive(pid)) return;
    process.kill(pid, 'SIGKILL');
    while (isAlive(pid)) await sleep(20);
  }

  #pid(): number | undefined {
    return existsSync(this.#pidFile) ? Number(readFileSync(this.#pidFile, 'utf8')) : undefined;
  }

  /** The API responds only some time after the port is open. */
  async #ready(): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end;) {
      await sleep(500);
      if (!isAlive(this.#pid() ?? 0)) throw new Error('n8n ended while it started.');
      const answers = await Promise.all(
        ['/healthz/readiness', '/rest/settings'].map((route) => fetch(this.url + route).catch(() => undefined)),
      );
      if (answers.every((answer) => answer?.headers.get('content-type')?.includes('json') && answer.ok)) return;
    }
    throw new Error(`n8n was not ready in ${START_MS / 1000} s.`);
  }
}

const draft = (hours: number) => ({
  nodes: [
    {
      id: 'a',
      name: 'Schedule',
      type: 'n8n-nodes-base.scheduleTrigger',
      typeVersion: 1.2,
      position: [0, 0],
      parameters: { rule: { interval: [{ field: 'hours', hoursInterval: hours }] } },
    },
  ],
  connections: {},
  settings: {},
});

async function read(response: Response, what: string): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new Error(`n8n answered ${what} with ${response.status}: ${text.slice(0, 500)}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

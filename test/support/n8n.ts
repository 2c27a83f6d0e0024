import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The n8n that the tests know. */
export const N8N_VERSION = '2.41.1';

const folder = process.env['N8N_HOME'] ?? '';
const program = path.join(folder, 'node_modules/n8n/bin/n8n');

/** Why no real n8n can be started here, or undefined where one can. */
export const missingN8n =
  folder !== '' && existsSync(program)
    ? undefined
    : `N8N_HOME names no folder with n8n: npm install n8n@${N8N_VERSION} --ignore-scripts && npm rebuild sqlite3, in a folder of its own`;

/** What the watchdog's API key needs. */
export const WATCHDOG_SCOPES = ['workflow:list', 'workflow:read', 'workflow:activate', 'workflow:deactivate'] as const;

/** A workflow as n8n tells of it. */
export interface N8nWorkflow {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly activeVersionId: string | null;
  readonly versionId: string;
  readonly isArchived: boolean;
}

const START_MS = 180_000;
const OWNER = { email: 'owner@example.org', firstName: 'Test', lastName: 'Owner', password: 'Passw0rd-of-the-tests' };
const ALL_SCOPES = [
  ...WATCHDOG_SCOPES,
  ...['workflow:create', 'workflow:update', 'workflow:delete', 'workflowTags:update', 'tag:create', 'tag:list'],
];

/** A real n8n with a folder, an owner and an API key of its own. Disposing ends it. */
export class RealN8n implements AsyncDisposable {
  readonly url: string;
  readonly #home: string;
  readonly #process: ChildProcess;
  #cookie = '';
  #key = '';

  private constructor(url: string, home: string, child: ChildProcess) {
    this.url = url;
    this.#home = home;
    this.#process = child;
  }

  /**
   * Starts n8n on loopback; some 10 seconds, and a minute on a busy machine.
   * @param env variables of n8n beside those that keep it quiet and local.
   */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<RealN8n> {
    const home = mkdtempSync(path.join(tmpdir(), 'n8n-'));
    const [port, brokerPort] = [await freePort(), await freePort()];
    const child = spawn(process.execPath, [program, 'start'], {
      cwd: home,
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        N8N_USER_FOLDER: home,
        N8N_ENCRYPTION_KEY: 'key-of-the-tests',
        N8N_LISTEN_ADDRESS: '127.0.0.1',
        N8N_PORT: String(port),
        N8N_RUNNERS_BROKER_PORT: String(brokerPort),
        N8N_DIAGNOSTICS_ENABLED: 'false',
        N8N_PERSONALIZATION_ENABLED: 'false',
        N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
        N8N_TEMPLATES_ENABLED: 'false',
        N8N_SECURE_COOKIE: 'false',
        ...env,
      },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const n8n = new RealN8n(`http://127.0.0.1:${port}`, home, child);
    try {
      await n8n.#ready();
      await n8n.rest('POST', '/rest/owner/setup', OWNER);
      n8n.#key = await n8n.apiKey(ALL_SCOPES);
    } catch (error) {
      await n8n[Symbol.asyncDispose]();
      throw error;
    }
    return n8n;
  }

  /** A new key of the public API. */
  async apiKey(scopes: readonly string[] = WATCHDOG_SCOPES): Promise<string> {
    const label = `key ${Math.random()}`;
    const { data } = (await this.rest('POST', '/rest/api-keys', { label, expiresAt: null, scopes })) as {
      data: { rawApiKey: string };
    };
    return data.rawApiKey;
  }

  /** Calls what the editor calls, as the owner. Rejects unless it succeeds. */
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

  /** Calls the public API with a key that may do everything the tests need. Rejects unless it succeeds. */
  async api(method: string, route: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1${route}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-n8n-api-key': this.#key },
      ...(body && { body: JSON.stringify(body) }),
    });
    return read(response, `${method} ${route}`);
  }

  /** The id of the tag, made where there is none. */
  async tag(name: string): Promise<string> {
    const { data } = (await this.api('GET', '/tags?limit=250')) as { data: { id: string; name: string }[] };
    const found = data.find((tag) => tag.name === name);
    return found?.id ?? ((await this.api('POST', '/tags', { name })) as { id: string }).id;
  }

  /** A workflow that a timer starts once in `hours`; published unless said otherwise. */
  async addWorkflow(name: string, { tag = 'claude-agent', published = true, hours = 9 } = {}): Promise<N8nWorkflow> {
    const { id } = (await this.api('POST', '/workflows', { name, ...draft(hours) })) as { id: string };
    await this.api('PUT', `/workflows/${id}/tags`, [{ id: await this.tag(tag) }]);
    if (published) await this.api('POST', `/workflows/${id}/publish`, {});
    return this.workflow(id);
  }

  /** Saves another draft, as the editor does: what is published stays so. */
  async edit(id: string, hours = 11): Promise<void> {
    await this.rest('PATCH', `/rest/workflows/${id}`, draft(hours));
  }

  async workflow(id: string): Promise<N8nWorkflow> {
    return (await this.api('GET', `/workflows/${id}`)) as N8nWorkflow;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The API answers some time after the port is open. */
  async #ready(): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end;) {
      await sleep(500);
      if (this.#process.exitCode !== null) throw new Error(`n8n ended with exit code ${this.#process.exitCode}.`);
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

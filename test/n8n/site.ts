import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import type { Step } from '../doubles/claude/script.ts';
import { Agent } from '../support/agent.ts';
import { AS_ROOT } from '../support/claude.ts';
import { RealN8n } from '../support/n8n.ts';
import { missingProxies, Proxy, type Certificate } from '../support/proxies.ts';
import { Author } from './author.ts';
import { Relay } from './relay.ts';

/** The n8n that all files share. */
export function theN8n(): RealN8n {
  const handle = inject('n8n');
  if (handle === undefined) throw new Error('There is no n8n here.');
  return RealN8n.at(handle);
}

function theCertificate(): Certificate {
  const certificate = inject('certificate');
  if (certificate === undefined) throw new Error(missingProxies);
  return certificate;
}

/** A proxy with TLS between n8n and the agent. */
type ProxyKind = 'nginx' | 'haproxy';

/** `AGENT_BEHIND=nginx npm run test:n8n` puts a proxy in front of every agent. */
const BEHIND = behind(process.env['AGENT_BEHIND']);

function behind(value: string | undefined): ProxyKind | undefined {
  if (value === undefined || value === 'nginx' || value === 'haproxy') return value;
  throw new Error(`AGENT_BEHIND is ${JSON.stringify(value)}; it must be nginx or haproxy.`);
}

/**
 * A proxy with TLS between n8n and the agent of a site, where one is installed, so that each workflow is behind one somewhere;
 * `AGENT_BEHIND` names another.
 */
export function behindProxy(kind: ProxyKind): { readonly proxy?: ProxyKind } {
  const proxy = BEHIND ?? (missingProxies === undefined ? kind : undefined);
  return proxy ? { proxy } : {};
}

interface ScriptedOptions {
  readonly n8n?: RealN8n;
  readonly proxy?: ProxyKind;
  readonly changes?: Readonly<Record<string, string>>;
}

/** An agent of its own, an author who uses it, and a relay between the agent and n8n, which may be behind a proxy. */
export class Site implements AsyncDisposable {
  readonly n8n: RealN8n;
  readonly agent: Agent;
  readonly relay: Relay;
  readonly author: Author;
  /** Where the real CLI is, the API that it asks. */
  readonly api: AnthropicDouble | undefined;
  readonly #proxy: Proxy | undefined;

  private constructor(
    n8n: RealN8n,
    agent: Agent,
    relay: Relay,
    { api, proxy }: { api?: AnthropicDouble; proxy?: Proxy },
  ) {
    this.n8n = n8n;
    this.agent = agent;
    this.relay = relay;
    this.#proxy = proxy;
    this.author = new Author(n8n);
    this.api = api;
  }

  /**
   * With the scripted CLI.
   * @param options.changes text of the proxy's sample configuration, and what replaces it.
   */
  static scripted(
    prompts: Readonly<Record<string, readonly Step[]>> = {},
    env: Record<string, string> = {},
    { n8n = theN8n(), ...options }: ScriptedOptions = {},
  ): Promise<Site> {
    return Site.#start(n8n, (hosts) => new Agent({ prompts, env: { ...hosts, ...env } }), options);
  }

  /** With the pinned CLI, on a double of the Anthropic API. */
  static async real(env: Record<string, string> = {}, options: { readonly proxy?: ProxyKind } = {}): Promise<Site> {
    const api = await startAnthropicDouble();
    const real = { AGENT_CLAUDE_PATH: undefined, ANTHROPIC_BASE_URL: api.url, ...AS_ROOT, ...env };
    return Site.#start(
      theN8n(),
      (hosts) => {
        const agent = new Agent({ env: { ...hosts, ...real } });
        const home = path.join(agent.folder, 'home/.claude');
        mkdirSync(home);
        const login = {
          accessToken: 'sk-ant-oat01-first',
          refreshToken: 'sk-ant-ort01-first',
          scopes: ['user:inference'],
        };
        const claudeAiOauth = { ...login, expiresAt: Date.now() + 8 * 3_600_000 };
        writeFileSync(path.join(home, '.credentials.json'), JSON.stringify({ claudeAiOauth }));
        return agent;
      },
      { ...options, api },
    );
  }

  static async #start(
    n8n: RealN8n,
    make: (settings: Record<string, string>) => Agent,
    { api, proxy: kind = BEHIND, changes = {} }: Omit<ScriptedOptions, 'n8n'> & { readonly api?: AnthropicDouble },
  ): Promise<Site> {
    const agent = make({ AGENT_CALLBACK_HOSTS: n8n.host, AGENT_TRUSTED_PROXIES: kind ? '1' : '0' });
    await agent.start();
    const relay = await Relay.start(() => agent.url);
    const proxy = kind && (await Proxy[kind]({ target: relay.url, certificate: theCertificate(), changes }));
    return new Site(n8n, agent, relay, { ...(api && { api }), ...(proxy && { proxy }) });
  }

  /** What an author writes into the node Input: where the agent is. */
  get input(): { readonly agentUrl: string } {
    return { agentUrl: this.#proxy?.url ?? this.relay.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.author.leave();
    await this.#proxy?.[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
    await this.agent[Symbol.asyncDispose]();
    await this.api?.close();
  }
}

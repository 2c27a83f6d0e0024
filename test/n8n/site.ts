import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import type { Step } from '../doubles/claude/script.ts';
import { Agent } from '../support/agent.ts';
import { AS_ROOT } from '../support/claude.ts';
import { RealN8n } from '../support/n8n.ts';
import { Author } from './author.ts';
import { Relay } from './relay.ts';

/** The n8n that all files share. */
export function theN8n(): RealN8n {
  const handle = inject('n8n');
  if (handle === undefined) throw new Error('There is no n8n here.');
  return RealN8n.at(handle);
}

/** An agent of its own, an author who uses it, and a relay between the agent and n8n. */
export class Site implements AsyncDisposable {
  readonly n8n: RealN8n;
  readonly agent: Agent;
  readonly relay: Relay;
  readonly author: Author;
  /** Where the real CLI is, the API that it asks. */
  readonly api: AnthropicDouble | undefined;

  private constructor(n8n: RealN8n, agent: Agent, relay: Relay, api?: AnthropicDouble) {
    this.n8n = n8n;
    this.agent = agent;
    this.relay = relay;
    this.author = new Author(n8n);
    this.api = api;
  }

  /** With the scripted CLI. */
  static scripted(
    prompts: Readonly<Record<string, readonly Step[]>> = {},
    env: Record<string, string> = {},
    n8n = theN8n(),
  ): Promise<Site> {
    return Site.#start(n8n, (hosts) => new Agent({ prompts, env: { ...hosts, ...env } }));
  }

  /** With the pinned CLI, on a double of the Anthropic API. */
  static async real(env: Record<string, string> = {}): Promise<Site> {
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
      api,
    );
  }

  static async #start(
    n8n: RealN8n,
    make: (hosts: Record<string, string>) => Agent,
    api?: AnthropicDouble,
  ): Promise<Site> {
    const agent = make({ AGENT_CALLBACK_HOSTS: n8n.host });
    await agent.start();
    return new Site(n8n, agent, await Relay.start(() => agent.url), api);
  }

  /** What an author writes into the node Input: where the agent is. */
  get input(): { readonly agentUrl: string } {
    return { agentUrl: this.relay.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.author.leave();
    await this.relay[Symbol.asyncDispose]();
    await this.agent[Symbol.asyncDispose]();
    await this.api?.close();
  }
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Decision, DecisionRequest } from '../../../agent/http/api/decision.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import type { AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

/** Any state of a run. */
export type AnyRun = RunResource & { readonly output?: string; readonly outcome?: string; readonly error?: string };

/** An agent with the pinned CLI, whose runs a person decides about. */
export class DecidedAgent extends Agent {
  constructor(api: AnthropicDouble, env: Readonly<Record<string, string>> = {}) {
    const credential = { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
    const mode = { AGENT_PERMISSION_MODE: 'bypassPermissions', IS_SANDBOX: '1' };
    super({
      env: { ...REAL_CLAUDE, AGENT_WARM_START: 'off', ANTHROPIC_BASE_URL: api.url, ...credential, ...mode, ...env },
    });
  }

  /** A path in the workspace. */
  file(name: string): string {
    return path.join(this.workspaceDir, name);
  }

  async get(id: string): Promise<AnyRun> {
    return (await (await this.fetch(`/runs/${id}`)).json()) as AnyRun;
  }

  /** Waits until this many decisions of a run are open, and returns them. */
  async asked(id: string, count = 1): Promise<readonly Decision[]> {
    let open: readonly Decision[] = [];
    await until(async () => {
      const run = await this.get(id);
      if (run.state === 'ended') throw new Error(`The run has ended: ${JSON.stringify(run)}`);
      open = (run.decisions ?? []).filter(({ decidedAt }) => decidedAt === undefined);
      return open.length >= count;
    }, `${count} decision(s)`);
    return open;
  }

  /** Waits until a decision of a run is open, or it has ended, and returns what is open. */
  async askedOrEnded(id: string): Promise<readonly Decision[]> {
    let open: readonly Decision[] = [];
    await until(async () => {
      const { state, decisions = [] } = await this.get(id);
      open = decisions.filter(({ decidedAt }) => decidedAt === undefined);
      return state === 'ended' || open.length > 0;
    }, 'a decision, or the end of the run');
    return open;
  }

  /** Sends a decision. */
  decide(id: string, decisionId: string, body: DecisionRequest | object): Promise<Response> {
    const headers = { 'Content-Type': 'application/json' };
    return this.fetch(`/runs/${id}/decisions/${decisionId}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Decides about what is asked next, and expects that to work. */
  async next(id: string, body: DecisionRequest): Promise<Decision> {
    const [decision] = await this.asked(id);
    if (!decision) throw new Error('Nothing was asked.');
    const response = await this.decide(id, decision.id, body);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return decision;
  }

  /** Waits for the end of a run. */
  async ended(id: string): Promise<AnyRun> {
    await until(async () => (await this.get(id)).state === 'ended', 'the end of the run');
    return this.get(id);
  }

  /** Writes settings of `claude` for all runs; set them before the start. */
  give(settings: object): void {
    const file = path.join(this.folder, 'claude-settings.json');
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(file, JSON.stringify(settings));
    this.env['AGENT_CLAUDE_SETTINGS'] = file;
  }
}

/** The content of a file; undefined if there is none. */
export function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** A directive of the double inside the prompt of a sub-agent: its brackets must not be taken for the outer ones. */
export const inside = (prompt: string) => prompt.replaceAll('[', '\\u005b').replaceAll(']', '\\u005d');

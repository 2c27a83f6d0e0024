import { randomUUID } from 'node:crypto';
import type { AuthState } from '../contract.ts';
import type { Claude } from '../claude/claude.ts';
import type { ClaudeProcess } from '../claude/process.ts';
import type { LoginEvidence } from './evidence.ts';
import { judge } from './outcome.ts';
import type { RunResult } from './run.ts';
import type { RunService } from './service.ts';

/** What `POST /auth/check` answers. Times are ISO 8601. Never a value of a credential. */
export interface LoginReport {
  readonly state: AuthState;
  readonly checkedAt: string;
  /** A run that succeeded of late, a small prompt asked for this, or nothing but the look of the credential. */
  readonly evidence: 'recent-run' | 'probe' | 'none';
  /** A sentence for people. */
  readonly detail: string;
  /** Where the credential comes from. */
  readonly source: string;
  readonly expiresAt?: string;
  readonly resetsAt?: string;
}

type ProbeResult = Pick<LoginReport, 'state' | 'detail' | 'resetsAt'>;

const FRESH_MS = 5 * 60_000;
const PROBE_MS = 60_000;
const PROBE_WAITS_MS = 30_000;
const PROBE = 'Reply with the single word: ok';

/** Tells the truth about the login: from a run that succeeded in the last five minutes, or else by a small prompt. */
export class LoginCheck {
  readonly #service: RunService;
  readonly #claude: Claude;
  readonly #evidence: LoginEvidence;
  readonly #probeDir: string;
  #current: Promise<LoginReport> | undefined;

  /** @param probeDir an existing folder to ask the small prompt in. */
  constructor(service: RunService, claude: Claude, evidence: LoginEvidence, probeDir: string) {
    this.#service = service;
    this.#claude = claude;
    this.#evidence = evidence;
    this.#probeDir = probeDir;
  }

  /** Callers at the same time share one answer. */
  check(): Promise<LoginReport> {
    this.#current ??= this.#check().finally(() => (this.#current = undefined));
    return this.#current;
  }

  async #check(): Promise<LoginReport> {
    const { login, credential } = this.#evidence.current;
    if (!credential.present) return this.#report('auth_failed', 'none', login.detail);
    if (login.state === 'ok' && Date.now() - Date.parse(login.seenAt ?? '') < FRESH_MS) {
      return this.#report('ok', 'recent-run', login.detail);
    }
    const probed = await this.#service.ahead((started) => this.#probe(started), PROBE_WAITS_MS);
    if (probed === 'busy') {
      return this.#report('busy', 'none', 'Another run was going on for as long as the check could wait.');
    }
    return this.#report(probed.state, 'probe', probed.detail, probed.resetsAt);
  }

  async #probe(started: (process: ClaudeProcess) => void): Promise<ProbeResult> {
    const process = await this.#claude.start({
      runId: `probe-${randomUUID()}`,
      sessionId: randomUUID(),
      options: { permissionMode: 'dontAsk', maxTurns: 1 },
      text: PROBE,
      workdir: this.#probeDir,
      deadline: Date.now() + PROBE_MS,
      textOnly: true,
    });
    started(process);
    const report = await process.report;
    await process.reaped;
    const result = judge(report);
    return this.#evidence.learn(result, report.transcript.apiError?.status) ?? withoutEvidence(result);
  }

  #report(state: AuthState, evidence: LoginReport['evidence'], detail: string, resetsAt?: string): LoginReport {
    const { expiresAt } = this.#claude.credential.status();
    return {
      state,
      checkedAt: new Date().toISOString(),
      evidence,
      detail,
      source: this.#claude.credential.source,
      ...(expiresAt !== undefined && { expiresAt }),
      ...(resetsAt !== undefined && { resetsAt }),
    };
  }
}

/** A probe that says nothing of the login: it was ended with the agent, or Claude gave no answer. */
function withoutEvidence({ outcome, error = '' }: RunResult): ProbeResult {
  return { state: outcome === 'interrupted' ? 'busy' : 'outage', detail: error };
}

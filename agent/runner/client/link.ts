import type { KeyObject } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { WebSocket } from 'ws';
import type { Log } from '../../log.ts';
import { signChallenge } from '../key.ts';
import {
  CLOSE,
  MAX_MESSAGE_BYTES,
  ProtocolError,
  readFrame,
  readFromRunner,
  type FromRunner,
  type ToRunner,
} from '../protocol.ts';
import { endWhenSilent } from '../silence.ts';
import { ClaimedRunner } from './claimed-runner.ts';
import type { Retirement } from './retirement.ts';

/** A runner: an IP address and a port. */
export interface RunnerAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * `unreachable`: the last attempt failed, and the next one is made soon. `used`: it had its only run, and its pod may still
 * exist.
 */
export type LinkState = 'connecting' | 'ready' | 'busy' | 'used' | 'unreachable';

const HANDSHAKE_MS = 5000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

/** What a runner says about itself, before it has. */
const NOTHING = { name: '', home: '', workspace: '', takesFiles: false, runsPrograms: false };

/** What a {@link Link} needs. */
export interface LinkOptions {
  /** The agent's Ed25519 key; a secret. */
  readonly privateKey: KeyObject;
  readonly log: Log;
  /** Called when the state has changed. */
  readonly onChange: () => void;
  /** How often to ping, and after which silence a runner is given up, in milliseconds. */
  readonly pingMs: number;
  readonly silenceMs: number;
  /** If each runner is for one run; undefined if it is for many. */
  readonly retirement?: Retirement | undefined;
}

/** Keeps a connection to one runner, and makes a new one after each run and each failure. */
export class Link {
  readonly runner: RunnerAddress;
  readonly #options: LinkOptions;
  #state: LinkState = 'connecting';
  #socket: WebSocket | undefined;
  #claimed: ClaimedRunner | undefined;
  #told = NOTHING;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #isReturning = false;
  #isClosed = false;

  constructor(runner: RunnerAddress, options: LinkOptions) {
    this.runner = runner;
    this.#options = options;
    this.#connect();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Whether it is about to be ready again, because the runner has ended the last connection as agreed. */
  get isReturning(): boolean {
    return this.#isReturning;
  }

  /** Takes the runner for a run. Call it only in state `ready`. */
  claim(): ClaimedRunner {
    const [socket, { retirement }] = [this.#socket, this.#options];
    const { name, ...there } = this.#told;
    this.#claimed = new ClaimedRunner({
      ...there,
      isLast: retirement !== undefined,
      onUse: () => retirement?.use(name),
      say: (message) => say(socket, message),
      send: (frame) => socket?.send(frame),
      giveUp: (problem) => this.#giveUp(problem),
      log: this.#options.log,
    });
    this.#become('busy');
    return this.#claimed;
  }

  /** Connects no more. A run in progress goes on, unless it is told to end; a process that waits for one ends. */
  close({ endRun = false } = {}): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    if (this.#claimed?.isUsed !== true || endRun) this.#socket?.terminate();
  }

  #connect(): void {
    const { address, port } = this.runner;
    const { pingMs, silenceMs } = this.#options;
    const socket = new WebSocket(`ws://${isIPv6(address) ? `[${address}]` : address}:${port}`, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    const late = setTimeout(() => socket.terminate(), 2 * HANDSHAKE_MS);
    socket.once('open', () => endWhenSilent(socket, silenceMs, pingMs, () => socket.ping()));
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      try {
        if (isBinary) this.#takeData(data as Buffer);
        else this.#take(readFromRunner((data as Buffer).toString()), socket);
        if (this.#state === 'ready') clearTimeout(late);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#giveUp(error);
      }
    });
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', (code) => {
      clearTimeout(late);
      this.#lose(code);
    });
  }

  #take(message: FromRunner, socket: WebSocket): void {
    if (this.#claimed) {
      this.#claimed.take(message);
      return;
    }
    if (message.type === 'hello') {
      const { name, home, workspace, takesFiles = false, runsPrograms = false } = message;
      this.#told = { name, home, workspace, takesFiles, runsPrograms };
      const { retirement } = this.#options;
      retirement?.check(name);
      if (retirement?.isLeaving(name) === true) {
        socket.terminate();
        return;
      }
      const challenge = { ...this.runner, nonce: message.nonce };
      say(socket, { type: 'authenticate', signature: signChallenge(challenge, this.#options.privateKey) });
      return;
    }
    if (message.type !== 'ready') throw new ProtocolError(`no time for ${message.type}`);
    this.#failures = 0;
    this.#become('ready');
  }

  #takeData(frame: Buffer): void {
    const { channel, data } = readFrame(frame);
    if (!this.#claimed) throw new ProtocolError('data without a process');
    this.#claimed.takeData(channel, data);
  }

  #giveUp(problem: unknown): void {
    const why = problem instanceof Error ? problem.message : String(problem);
    this.#options.log.warn({ ...this.runner, problem: why }, 'a runner is given up');
    this.#socket?.terminate();
  }

  /** The connection has ended, or could not be made. */
  #lose(code: number): void {
    const { log } = this.#options;
    const [before, claimed] = [this.#state, this.#claimed];
    if (claimed && code !== CLOSE.clean)
      log.warn({ ...this.runner, code }, 'the connection to a runner is lost in a run');
    if (code === CLOSE.unauthorized && before !== 'unreachable') {
      log.error({ ...this.runner }, "a runner refuses the agent's key");
    }
    this.#claimed = undefined;
    this.#socket = undefined;
    if (this.#isUsed(claimed)) {
      void this.#retire();
      claimed?.lose(code);
      return;
    }
    const isExpected = [CLOSE.clean, CLOSE.busy, CLOSE.draining].some((each) => each === code);
    // A runner that made no connection, or does not speak as one.
    const failed = !isExpected && (before === 'connecting' || before === 'unreachable');
    if (!this.#isClosed) {
      const delay = code === CLOSE.clean ? 0 : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
      this.#failures += code === CLOSE.clean ? 0 : 1;
      this.#retry = setTimeout(() => this.#connect(), delay);
    }
    this.#isReturning = code === CLOSE.clean;
    this.#become(failed ? 'unreachable' : 'connecting');
    claimed?.lose(code);
  }

  /** Whether the runner may have no further run. */
  #isUsed(claimed: ClaimedRunner | undefined): boolean {
    const { retirement } = this.#options;
    return retirement !== undefined && (claimed?.isUsed === true || retirement.isLeaving(this.#told.name));
  }

  /** What answers at the address after that is another runner. */
  async #retire(): Promise<void> {
    this.#isReturning = false;
    this.#become('used');
    await this.#options.retirement?.retire(this.#told.name);
    this.#told = NOTHING;
    this.#failures = 0;
    if (!this.#isClosed) this.#connect();
  }

  #become(state: LinkState): void {
    if (state === this.#state && !this.#isClosed) return;
    this.#state = state;
    this.#options.onChange();
  }
}

function say(socket: WebSocket | undefined, message: ToRunner): void {
  socket?.send(JSON.stringify(message));
}

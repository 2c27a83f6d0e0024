import { randomBytes, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { WebSocket } from 'ws';
import type { Log } from '../log.ts';
import type { LogLimit } from '../log-limit.ts';
import { isSigned, NONCE_BYTES } from './key.ts';
import {
  CLOSE,
  ProtocolError,
  readFrame,
  readToRunner,
  SILENCE_MS,
  type FromRunner,
  type ToRunner,
} from './protocol.ts';
import { Run, type RunOptions } from './run.ts';
import type { Runner } from './runner.ts';
import { endWhenSilent } from './silence.ts';

const AUTHENTICATION_MS = 5000;
const TURN_MS = 1000;

/** What a {@link Connection} needs. */
export interface ConnectionOptions extends Pick<RunOptions, 'claudePath' | 'home' | 'workspace' | 'environment'> {
  readonly runner: Runner;
  readonly publicKey: KeyObject;
  readonly log: Log;
  /** For warnings that a run can cause by connections of its own. */
  readonly refusals: LogLimit;
}

/** One connection: someone who has to show that it is the agent, and then its run. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #options: ConnectionOptions;
  readonly #nonce = randomBytes(NONCE_BYTES).toString('base64');
  readonly #holder = { release: () => this.#socket.close(CLOSE.draining) };
  #isAgent = false;
  #run: Run | undefined;
  #isSwept = false;
  /** Whether the runner ends after a run. */
  #isLast = false;

  /** @param tcp what it runs on. */
  constructor(socket: WebSocket, tcp: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#options = options;
    const timer = setTimeout(() => {
      if (!this.#isAgent) socket.close(CLOSE.unauthorized);
    }, AUTHENTICATION_MS);
    endWhenSilent(socket, SILENCE_MS, TURN_MS);
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      try {
        this.#receive(data as Buffer, isBinary);
      } catch (error) {
        this.#fail(error);
      }
    });
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      void this.#giveBack();
    });
    const { home, workspace } = options;
    this.#say({
      type: 'hello',
      nonce: this.#nonce,
      name: hostname(),
      home,
      workspace,
      takesFiles: true,
      runsPrograms: true,
    });
  }

  /** Whether the agent is at the other end. */
  get isAgent(): boolean {
    return this.#isAgent;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      const { channel, data: content } = readFrame(data);
      if (!this.#run) throw new ProtocolError('data before a start');
      if (channel === 'stdin') this.#options.runner.use({ isLast: this.#isLast });
      this.#run.takeData(channel, content);
      return;
    }
    const message = readToRunner(data.toString());
    if (!this.#isAgent) {
      this.#authenticate(message);
      return;
    }
    if (message.type === 'start' || message.type === 'program') {
      this.#isLast = message.isLast === true;
      this.#run ??= this.#begin();
    }
    if (!this.#run) throw new ProtocolError(`${message.type} before a start`);
    if (message.type === 'clean') {
      this.#clean();
      return;
    }
    if (message.type === 'put' || message.type === 'program') this.#options.runner.use({ isLast: this.#isLast });
    if (message.type === 'sweep') this.#isSwept = true;
    this.#run.take(message);
  }

  #authenticate(message: ToRunner): void {
    const { localAddress = '', localPort = 0, remoteAddress } = this.#tcp;
    const challenge = { address: localAddress, port: localPort, nonce: this.#nonce };
    const { publicKey, runner, refusals } = this.#options;
    if (message.type !== 'authenticate' || !isSigned(challenge, message.signature, publicKey)) {
      refusals.warn('stranger', { from: remoteAddress }, 'a connection that is not the agent was refused');
      this.#socket.close(CLOSE.unauthorized);
      return;
    }
    if (!runner.take(this.#holder)) {
      this.#socket.close(runner.isDraining ? CLOSE.draining : CLOSE.busy);
      return;
    }
    this.#isAgent = true;
    this.#say({ type: 'ready' });
  }

  #begin(): Run {
    const { runner } = this.#options;
    runner.begin();
    return new Run({
      ...this.#options,
      kill: () => runner.kill(),
      say: (answer) => this.#say(answer),
      send: (frame) => this.#socket.send(frame),
      fail: (error) => this.#fail(error),
    });
  }

  #clean(): void {
    if (!this.#isSwept) throw new ProtocolError('clean before sweep');
    void this.#giveBack().then(() => this.#socket.close(CLOSE.clean));
  }

  #say(message: FromRunner): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** The connection cannot go on. */
  #fail(error: unknown): void {
    const { log, refusals } = this.#options;
    if (error instanceof ProtocolError)
      refusals.warn('protocol', { problem: error.message }, 'the agent broke the protocol');
    else log.error({ err: error }, 'the connection failed');
    this.#socket.close(CLOSE.invalid);
    void this.#giveBack();
  }

  async #giveBack(): Promise<void> {
    await this.#run?.end();
    await this.#options.runner.giveBack(this.#holder);
  }
}

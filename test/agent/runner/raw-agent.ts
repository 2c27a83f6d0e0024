import type { KeyObject } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { WebSocket } from 'ws';
import { signChallenge, type Challenge } from '../../../agent/runner/key.ts';
import { readFromRunner, type FromRunner, type ToRunner } from '../../../agent/runner/protocol.ts';
import type { RunnerAddress } from '../../../agent/runner/client/link.ts';
import { KEY } from '../../support/runner.ts';

type Message<T> = Extract<FromRunner, { type: T }>;

/** Speaks to a runner word by word, for what the agent's own side never does. */
export class RawAgent {
  /** Settles with the code with which the connection was closed. */
  readonly closed: Promise<number>;
  /** How much data has arrived. */
  received = 0;
  readonly #socket: WebSocket;
  readonly #runner: RunnerAddress;
  readonly #messages: FromRunner[] = [];
  readonly #changed = new EventEmitter();

  constructor(runner: RunnerAddress) {
    this.#runner = runner;
    this.#socket = new WebSocket(`ws://${runner.address}:${runner.port}`, { perMessageDeflate: false });
    this.closed = once(this.#socket, 'close').then(([code]) => code as number);
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.received += data.length - 1;
      else this.#messages.push(readFromRunner(data.toString()));
      this.#changed.emit('change');
    });
  }

  say(message: ToRunner): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Waits for the next message of a type. */
  async next<T extends FromRunner['type']>(type: T): Promise<Message<T>> {
    for (;;) {
      const index = this.#messages.findIndex((message) => message.type === type);
      if (index >= 0) return this.#messages.splice(index, 1)[0] as Message<T>;
      await once(this.#changed, 'change');
    }
  }

  /** Waits until this much data has arrived. */
  async untilReceived(bytes: number): Promise<void> {
    while (this.received < bytes) await once(this.#changed, 'change');
  }

  /** Sends a ping and waits for the answer. */
  async ping(): Promise<void> {
    this.#socket.ping();
    await once(this.#socket, 'pong');
  }

  /** Signs the runner's challenge, or another one. */
  async authenticate(instead: Partial<Challenge> = {}, key: KeyObject = KEY): Promise<void> {
    const { nonce } = await this.next('hello');
    this.say({ type: 'authenticate', signature: signChallenge({ ...this.#runner, nonce, ...instead }, key) });
  }

  /** Starts `sh` with a script. */
  async start(script: string): Promise<void> {
    await this.authenticate();
    await this.next('ready');
    this.say({ type: 'start', file: 'sh', args: ['-c', script], env: {}, cwd: '.', files: [] });
  }

  close(): void {
    this.#socket.terminate();
  }
}

import { mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CONVERSATIONS_FOLDER } from '../contract.ts';
import { transfer, type Transfer } from './copy.ts';
import { conversationIn, findConversations, isNewer, TRANSCRIPT, type Conversation } from './transcripts.ts';

const SCRATCH = '.new';
/** The CLI names the folder of a working directory after its path, and long paths differently. Any name works. */
const NAME_CHARS = 200;

/**
 * The agent's own copies of conversations: a folder for each, with the transcript and the folder next to it. `claude` works
 * on files in the folder `projects` of a configuration folder. A conversation is copied there before `claude` continues it,
 * copied back while it works, and moved back when it has ended.
 */
export class ConversationStore {
  readonly #folder: string;
  readonly #maxBytes: number;

  /** @param maxBytes a larger conversation is not kept. @throws if the folder cannot be created. */
  constructor(stateDir: string, maxBytes: number) {
    this.#folder = path.join(stateDir, CONVERSATIONS_FOLDER);
    this.#maxBytes = maxBytes;
    // Files that a killed agent had not copied completely.
    rmSync(this.#scratch, { recursive: true, force: true });
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
  }

  get folder(): string {
    return this.#folder;
  }

  async has(sessionId: string): Promise<boolean> {
    return (await conversationIn(this.#placeOf(sessionId), sessionId)) !== undefined;
  }

  /** Copies a conversation to where `claude` looks for it. @returns false if there is none. */
  async put(sessionId: string, projects: string, workdir: string): Promise<boolean> {
    if (!(await this.has(sessionId))) return false;
    const name = workdir.replaceAll(/[^A-Za-z0-9]/g, '-').slice(0, NAME_CHARS);
    await this.#transfer(sessionId, this.#placeOf(sessionId), path.join(projects, name), 'copy');
    return true;
  }

  /** Copies a conversation from where `claude` is working on it, if it changed since the last time. */
  async save(sessionId: string, projects: string): Promise<void> {
    const [newest] = await findConversations(projects, sessionId);
    if (newest) await this.#transfer(sessionId, newest.folder, this.#placeOf(sessionId), 'copy');
  }

  /**
   * Moves conversations here that no process uses. The newest copy of each stays, and only here.
   * @param sessionId undefined for all.
   * @throws the first error, after all others were moved.
   */
  async takeFrom(projects: string, sessionId?: string): Promise<void> {
    const errors: unknown[] = [];
    for (const found of await findConversations(projects, sessionId)) {
      await this.#take(found).catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
  }

  async #take(found: Conversation): Promise<void> {
    const { sessionId, folder } = found;
    const place = this.#placeOf(sessionId);
    const kept = await conversationIn(place, sessionId);
    if (isNewer(found, kept)) await this.#transfer(sessionId, folder, place, 'move');
    for (const left of [sessionId, sessionId + TRANSCRIPT])
      await rm(path.join(folder, left), { recursive: true, force: true });
  }

  get #scratch(): string {
    return path.join(this.#folder, SCRATCH);
  }

  #placeOf(sessionId: string): string {
    return path.join(this.#folder, sessionId);
  }

  #transfer(sessionId: string, from: string, to: string, how: Transfer): Promise<void> {
    return transfer(sessionId, from, to, { scratch: this.#scratch, how, maxBytes: this.#maxBytes });
  }
}

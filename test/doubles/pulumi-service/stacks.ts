import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';

/** The engine's state of a stack. The service only reads what it counts. */
export interface Deployment {
  readonly version: number;
  readonly features?: readonly string[];
  readonly deployment: { readonly resources?: readonly unknown[] };
}

/** One update, preview or similar operation. */
export interface Update {
  readonly id: string;
  readonly kind: string;
  readonly config: object;
  /** The version of the stack after it. */
  readonly version: number;
  /** The token of the engine that performs it; nobody else may write. */
  readonly lease: string;
  status: 'not started' | 'running' | 'succeeded' | 'failed' | 'cancelled';
}

const EMPTY: Deployment = { version: 3, deployment: {} };

/** A stack, its updates, and the key of its secrets, which never leaves the service. */
export class Stack {
  readonly name: string;
  tags: object;
  readonly updates: Update[] = [];
  deployment: Deployment = EMPTY;
  readonly #key = randomBytes(32);

  constructor(name: string, tags: object) {
    this.name = name;
    this.tags = tags;
  }

  get version(): number {
    return this.updates.filter(({ kind, status }) => kind !== 'preview' && status !== 'not started').length;
  }

  /** The update in progress. */
  get active(): Update | undefined {
    return this.updates.find(({ kind, status }) => kind !== 'preview' && status === 'running');
  }

  begin(kind: string, config: object): Update {
    const version = kind === 'preview' ? this.version : this.version + 1;
    const update: Update = { id: randomUUID(), kind, config, version, lease: randomUUID(), status: 'not started' };
    this.updates.push(update);
    return update;
  }

  /** @param plain and the result in Base64. */
  encrypt(plain: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    const sealed = Buffer.concat([cipher.update(plain, 'base64'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
  }

  /** @throws for a value that another stack encrypted. */
  decrypt(cipherText: string): string {
    const bytes = Buffer.from(cipherText, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('base64');
  }
}

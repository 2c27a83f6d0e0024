import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import type { Stored } from '../doubles/azure/store.ts';
import { Store } from '../doubles/azure/store.ts';
import { Arm } from '../doubles/azure/arm.ts';
import type { CheckoutOptions } from './checkout.ts';

export const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
const DOUBLES = path.resolve('test/doubles/azure/bin');

/** An Azure of doubles: its registry is the one of the tests, and its clusters are the one that kubectl reaches. */
export class AzureDouble {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'azure-double-'));
  readonly #file = path.join(this.#folder, 'arm.json');

  constructor() {
    mkdirSync(path.join(this.#folder, 'docker'));
  }

  /** What a checkout needs for its commands to find this Azure instead of the real one. */
  checkoutOptions(settings: Readonly<Record<string, unknown>>): CheckoutOptions {
    return {
      settings: { registry: undefined, target: 'azure', azureSubscription: SUBSCRIPTION, ...settings },
      env: {
        PATH: `${DOUBLES}:${process.env['PATH'] ?? ''}`,
        DOCKER_CONFIG: path.join(this.#folder, 'docker'),
        AZURE_DOUBLE_DIR: this.#folder,
        AZURE_DOUBLE_SUBSCRIPTION: SUBSCRIPTION,
        AZURE_DOUBLE_LOGIN_SERVER: process.env['E2E_REGISTRY'] ?? '',
      },
      projectLines: '\nplugins:\n  providers:\n    - name: azure-native\n      path: test/doubles/azure/bin\n',
    };
  }

  /** What `az login` leaves. */
  logIn(): void {
    writeFileSync(path.join(this.#folder, 'logged-in'), SUBSCRIPTION);
  }

  /** From now on the operator's machine never hears that a resource of this type was made; undefined: it does again. */
  hangAfter(type: string | undefined): void {
    const file = path.join(this.#folder, 'hang');
    if (type === undefined) rmSync(file);
    else writeFileSync(file, type);
  }

  /** The calls of az and kubelogin so far that begin with this. */
  calls(beginning: string): string[] {
    const file = path.join(this.#folder, 'calls.log');
    return (existsSync(file) ? readFileSync(file, 'utf8') : '')
      .split('\n')
      .filter((line) => line.startsWith(beginning));
  }

  /** Everything that is there, by id. */
  resources(): Map<string, Stored> {
    return new Map(existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as [string, Stored][]) : []);
  }

  /** The one resource whose id ends so. */
  resource(end: string): Stored {
    const found = [...this.resources()].filter(([id]) => id.endsWith(end.toLowerCase()));
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of ${end}`);
    return found[0][1];
  }

  /** Changes a resource behind the stack's back, as Azure itself or somebody else does. */
  change(end: string, change: (body: Record<string, unknown>) => Record<string, unknown>): void {
    const resources = [...this.resources()].map(([id, stored]): [string, Stored] =>
      id.endsWith(end.toLowerCase()) ? [id, { ...stored, body: change(stored.body) }] : [id, stored],
    );
    writeFileSync(this.#file, JSON.stringify(resources));
  }

  /** Azure with things in it that somebody else made. */
  arm(): Arm {
    return new Arm(new Store(this.#file), {
      subscription: SUBSCRIPTION,
      loginServer: process.env['E2E_REGISTRY'] ?? '',
      kubeconfig: '',
    });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

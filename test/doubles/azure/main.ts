/**
 * A double of Pulumi's provider for Azure: `pulumi-resource-azure-native`, with a model of Azure Resource Manager instead
 * of Azure. Environment: AZURE_DOUBLE_DIR (a folder that keeps the resources in `arm.json`), AZURE_DOUBLE_SUBSCRIPTION,
 * AZURE_DOUBLE_LOGIN_SERVER (the registry behind every ACR) and KUBECONFIG (the cluster behind every AKS). A resource of
 * the type in the folder's file `hang` is created, but the provider never responds.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import * as provider from '@pulumi/pulumi/provider/index.js';

import { Arm } from './arm.ts';
import { entraKubeconfig } from './kubeconfig.ts';
import { ARM_TYPES } from './names.ts';
import { Store } from './store.ts';

type Json = Record<string, unknown>;

const SIGNATURE = '4dabf18193072939515e22adb298388d';

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

/** Providers receive secrets and outputs in a wrapper. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (SIGNATURE in value) return plain((value as Json)['value']);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
const inputsOf = (value: unknown): Json => plain(value) as Json;

/** `urn:pulumi:STACK::PROJECT::PARENTS$TYPE::NAME` */
const tokenOf = (urn: string): string => urn.split('::')[2]?.split('$').at(-1) ?? '';

const arm = new Arm(new Store(path.join(required('AZURE_DOUBLE_DIR'), 'arm.json')), {
  subscription: required('AZURE_DOUBLE_SUBSCRIPTION'),
  loginServer: required('AZURE_DOUBLE_LOGIN_SERVER'),
  kubeconfig: entraKubeconfig(readFileSync(required('KUBECONFIG'), 'utf8')),
});

function hangsAfter(token: string): boolean {
  const file = path.join(required('AZURE_DOUBLE_DIR'), 'hang');
  return existsSync(file) && readFileSync(file, 'utf8') === token;
}

const double: provider.Provider = {
  version: '3.28.0',
  check: (urn, _olds, news) => {
    const failures = arm.mistakes(tokenOf(urn), inputsOf(news)).map((reason) => ({ property: '', reason }));
    return Promise.resolve({ inputs: news as unknown, failures });
  },
  diff: (_id, urn, olds, news) => {
    const [before, now] = [(inputsOf(olds)['__inputs'] ?? {}) as Json, inputsOf(news)];
    const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
      (key) => !isDeepStrictEqual(before[key], now[key]),
    );
    const fixed = ['location', 'resourceGroupName', 'resourceUri', 'scope', ARM_TYPES[tokenOf(urn)]?.nameInput];
    return Promise.resolve({ changes: changed.length > 0, replaces: changed.filter((key) => fixed.includes(key)) });
  },
  create: (urn, inputs) => {
    const token = tokenOf(urn);
    const { id, outputs } = arm.create(token, inputsOf(inputs));
    return hangsAfter(token) ? new Promise(() => undefined) : Promise.resolve({ id, outs: outputs });
  },
  read: (id, _urn, props) => {
    const found = arm.read(id, inputsOf(props));
    return Promise.resolve(
      found === undefined ? { id: '', props: {} } : { id, props: found.outputs, inputs: found.inputs },
    );
  },
  update: (id, urn, _olds, news) => Promise.resolve({ outs: arm.update(id, tokenOf(urn), inputsOf(news)).outputs }),
  delete: (id) => {
    arm.delete(id);
    return Promise.resolve();
  },
  invoke: (token, inputs) => Promise.resolve({ outputs: arm.call(token, inputsOf(inputs)) }),
};

await provider.main(double, process.argv.slice(2));

import { isObject, kindOf, podOf, containersOf } from '../objects.ts';
import { when } from '../rule.ts';
import type { Resource, Rule } from '../rule.ts';

/** The marker of a value that Pulumi encrypts in the state. */
const MARK = '4dabf18193072939515e22adb298388d';

interface Texts {
  readonly secret: readonly string[];
  readonly plain: readonly string[];
}

/** Every text in a value, and whether it is marked as secret. */
function textsIn(value: unknown, secret = false): Texts {
  if (typeof value === 'string') return secret ? { secret: [value], plain: [] } : { secret: [], plain: [value] };
  if (typeof value !== 'object' || value === null) return { secret: [], plain: [] };
  const isMarked = MARK in value;
  const parts = isMarked ? [(value as { value?: unknown }).value] : Object.values(value);
  const found = parts.map((part) => textsIn(part, secret || isMarked));
  return { secret: found.flatMap((texts) => texts.secret), plain: found.flatMap((texts) => texts.plain) };
}

/** What could reveal a secret: its base64, what it decodes to, and the texts in it if it is JSON. */
function formsOf(secret: string): string[] {
  const decoded = Buffer.from(secret, 'base64').toString();
  const inner = [secret, decoded].flatMap((text) => {
    try {
      return textsIn(JSON.parse(text)).plain;
    } catch {
      return [];
    }
  });
  const texts = [secret, decoded, ...inner];
  // Its last group of characters differs if more data follows.
  const encoded = texts.map((text) =>
    Buffer.from(text)
      .toString('base64')
      .replace(/.{1,3}=*$/, ''),
  );
  return [...texts, ...encoded].filter((text) => text.length >= MIN_LENGTH);
}
/** Shorter texts occur anywhere, and are not secret. */
const MIN_LENGTH = 12;

const secretsOf = (all: readonly Resource[]): Set<string> =>
  new Set(all.flatMap(({ inputs }) => textsIn(inputs).secret).flatMap(formsOf));

/** Where secrets may be, and in which form. */
export const SECRET_RULES: readonly Rule[] = [
  {
    must: 'No secret is in plain text anywhere: not in the environment, an annotation, a ConfigMap or the state.',
    check: ({ inputs }, all) => {
      const { plain } = textsIn(inputs);
      const found = [...secretsOf(all)].filter((secret) => plain.some((text) => text.includes(secret)));
      return when(found.length > 0, `${found.length} secrets stand in it`);
    },
  },
  {
    must: "The data of a Secret is encrypted in Pulumi's state.",
    check: (resource) => {
      const { data, stringData } = resource.inputs as { data?: object; stringData?: object };
      const open = [data, stringData].some((values) => values !== undefined && !(MARK in values));
      return when(isObject(resource) && kindOf(resource) === 'Secret' && open, 'its data is not marked as a secret');
    },
  },
  {
    must: 'A variable with the name of a secret refers to a Secret.',
    check: (resource) => {
      const pod = podOf(resource);
      const variables = pod === undefined ? [] : containersOf(pod).flatMap(({ env }) => env ?? []);
      const open = variables.filter(
        ({ name, valueFrom }) =>
          /(TOKEN|SECRET|PASSWORD|(?<!PUBLIC_)KEY|CREDENTIALS?)(_SHA256)?$/.test(name) && valueFrom === undefined,
      );
      return open.map(({ name }) => `${name} has a plain value`);
    },
  },
  {
    must: 'A runner has nothing from the cluster, because a prompt reads whatever is in its pod.',
    check: (resource) => {
      const pod = podOf(resource);
      if (pod?.metadata.labels?.['app.kubernetes.io/component'] !== 'runner') return [];
      const references = containersOf(pod).flatMap(({ env = [] }) => env.filter(({ valueFrom }) => valueFrom));
      const volumes = (pod.spec.volumes ?? []).filter(
        (volume) => volume['emptyDir'] === undefined && volume['persistentVolumeClaim'] === undefined,
      );
      return [
        ...references.map(({ name }) => `${name} refers to something`),
        ...volumes.map(({ name }) => `the volume ${name} is not empty`),
      ];
    },
  },
];

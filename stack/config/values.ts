import { MODEL, MODEL_ALLOWED } from '../../agent/contract.ts';
import { isCron } from './cron.ts';

/** What a text of the configuration may be, and the wording of that for a message. */
export type Allowed = readonly [fits: (text: string) => boolean, words: string];

const matches = (pattern: RegExp, words: string): Allowed => [(text) => pattern.test(text), words];
const url = (pattern: RegExp, words: string): Allowed => [(text) => pattern.test(text) && URL.canParse(text), words];

/** The kinds of text in the configuration. */
export const TEXT = {
  context: matches(/^\S+$/, 'the name of a kubeconfig context, without spaces'),
  registry: matches(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9._-]+)*$/,
    'a registry, such as 127.0.0.1:5000 or example.azurecr.io',
  ),
  imageByDigest: matches(/^\S+@sha256:[0-9a-f]{64}$/, 'an image by digest (NAME@sha256:…), or empty'),
  image: matches(/^[a-z0-9][\w.:/@-]*$/, 'the name of an image, such as node:24-bookworm-slim'),
  model: matches(MODEL, MODEL_ALLOWED),
  folder: matches(/\S/, 'a folder'),
  cpu: matches(/^(\d+(\.\d{1,3})?|\d+m)$/, 'a CPU quantity, such as 500m or 2'),
  bytes: matches(/^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/, 'a quantity, such as 2Gi'),
  storageClass: matches(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, 'the name of a storage class'),
  runtimeClass: matches(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, 'the name of a runtime class'),
  className: matches(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, 'the name of a GatewayClass or an IngressClass'),
  secret: matches(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, 'the name of a Secret'),
  host: matches(
    /^(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'a DNS name in lower case without scheme, port or path, such as claude-agent.example.com',
  ),
  namespace: matches(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'the name of a namespace'),
  url: url(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'an http(s) URL without user, query or fragment'),
  proxy: url(
    /^https?:\/\/[^\s/?#@]+\/?$/,
    'an http(s) URL without user or path, such as http://proxy.example.org:3128',
  ),
  hosts: matches(/^[^\s,]+(,[^\s,]+)*$/, 'names, domains or addresses, separated by commas without spaces'),
  page: url(/^https:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'an https URL without user, query or fragment'),
  guide: url(/^https?:\/\/[^\s/?#@]+(\/\S*)?$/, 'an http(s) URL'),
  tag: matches(/^[^,]{1,64}$/, 'the name of one tag, without a comma'),
  reason: matches(/^(?=.*\S).{1,500}$/, 'a text of 1 to 500 characters'),
  cron: [isCron, 'a cron expression of five fields, such as */30 * * * *'],
} as const satisfies Record<string, Allowed>;

import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';

import ipaddr from 'ipaddr.js';

import type { Problem } from '../../../agent/http/api/problem.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { jsonIn } from '../../json.ts';
import { NAMES, TOKEN_FILE } from '../../names.ts';
import { npmRun, npmRunAll } from '../../next-command.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { addressesOf, certificateOf, get } from '../system/outside.ts';
import type { Response, Way } from '../system/outside.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';
import { routeFinding } from './route.ts';

const DAY_MS = 86_400_000;
/** cert-manager renews a certificate of 90 days 30 days before its end. */
const DAYS_LEFT = 10;
/** An address that no caller has (RFC 5737). */
const CLAIM = '192.0.2.99';

const certificateHelp = 'docs/ingress.md#the-certificate';
const setProxies = npmRunAll(['pulumi', 'config set trustedProxies NUMBER'], 'up');

/**
 * Whether the host works from outside of the cluster, as from this machine; left out if the config has none.
 * @param token The API token; undefined if this machine has none.
 */
export function host(config: StackFile, kubectl: Kubectl, token: string | undefined, way: Way = {}): Check[] {
  const name = config.get('host') ?? '';
  const when = (): boolean => name !== '';
  const ask = (path: string, headers = {}): Promise<Response> => get('https', name, path, headers, way);
  return [
    { name: 'route', when, needs: ['namespace'], look: () => routeFinding(config, kubectl) },
    { name: 'host name', when, look: () => resolved(name, config, kubectl, way) },
    { name: 'certificate', when, needs: ['host name'], look: () => certificate(name, way) },
    { name: 'https', when, needs: ['certificate'], look: async () => answered(await ask('/health')) },
    {
      name: 'http',
      when,
      needs: ['host name'],
      look: async () => redirected(name, await get('http', name, '/', {}, way)),
    },
    {
      name: 'caller address',
      when,
      needs: ['https', 'pod'],
      look: async () => {
        if (token === undefined) return skipped(`this machine has no API token (${TOKEN_FILE})`);
        // Nothing is at this path, so that the line of the log is found by it.
        const path = `/doctor-${randomBytes(6).toString('hex')}`;
        const answer = await ask(path, { Authorization: `Bearer ${token}`, 'X-Forwarded-For': CLAIM });
        if ('failure' in answer) return broken(answer.failure, npmRun('doctor'));
        if (answer.status === 401) return skipped("the agent does not accept this machine's API token");
        return seen(name, path, kubectl, way);
      },
    },
  ];
}

async function resolved(name: string, config: StackFile, kubectl: Kubectl, way: Way): Promise<Finding> {
  if (way.lookup) return ok('given');
  const addresses = await addressesOf(name);
  if (addresses.length > 0) return ok(`${name} is ${addresses.join(', ')}`);
  const target = await publishedAddress(config, kubectl);
  return broken(
    `${name} does not resolve`,
    target === undefined
      ? `wait for an address (the route line), then make a DNS record for ${name}`
      : `make a DNS record: ${name} ${ipaddr.isValid(target) ? (ipaddr.parse(target).kind() === 'ipv6' ? 'AAAA' : 'A') : 'CNAME'} ${target}`,
  );
}

/** What the controller says the host should lead to. */
async function publishedAddress(config: StackFile, kubectl: Kubectl): Promise<string | undefined> {
  const [object, where, output] =
    config.get('ingress') === 'ingress'
      ? [
          `ingress/${NAMES.ingress}`,
          NAMES.namespace,
          '{.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}',
        ]
      : [`gateways.gateway.networking.k8s.io/${NAMES.ingress}`, NAMES.gatewayNamespace, '{.status.addresses[0].value}'];
  const answer = await kubectl(['get', object, '--namespace', where, '--output', `jsonpath=${output}`]);
  return 'output' in answer && answer.output !== '' ? answer.output : undefined;
}

async function certificate(name: string, way: Way): Promise<Finding> {
  const found = await certificateOf(name, way);
  if (typeof found === 'string') return broken(`${name}: ${found}`, nextForFailure(found));
  const days = Math.floor((found.getTime() - Date.now()) / DAY_MS);
  const until = `valid for ${days} more day(s), until ${found.toISOString()}`;
  return days < DAYS_LEFT ? broken(`${until}; it should have been renewed`, certificateHelp) : ok(until);
}

const nextForFailure = (failure: string): string =>
  /certificate|cert_|altname|self-signed/i.test(failure)
    ? certificateHelp
    : 'check the route line and the firewall; with sourceRanges, try from a machine whose address is in them';

function answered(response: Response): Finding {
  if ('failure' in response) return broken(response.failure, nextForFailure(response.failure));
  const body = jsonIn(response.body) as Partial<Problem & { version: string }> | undefined;
  if (response.status === 200 && body?.version !== undefined) return ok(`the agent answers: version ${body.version}`);
  const detail = body?.detail ?? `HTTP ${response.status}, not from the agent`;
  if (isProblem(body, 'address-not-allowed')) {
    return broken(
      detail,
      `try from an address in sourceRanges, or ${npmRunAll(['pulumi', 'config set --path sourceRanges[N] ADDRESS/32'], 'up')}`,
    );
  }
  if (isProblem(body, 'unknown-address')) return broken(detail, setProxies);
  return broken(detail, 'docs/ingress.md#if-something-fails');
}

const isProblem = (body: Partial<Problem> | undefined, slug: string): boolean =>
  body?.type?.endsWith(`:${slug}`) ?? false;

function redirected(name: string, response: Response): Finding {
  if ('failure' in response) return ok(`closed: ${response.failure}`);
  const { status, location = '' } = response;
  if (status >= 300 && status < 400 && location.startsWith(`https://${name}`)) return ok(`redirects to ${location}`);
  if (status === 404) return ok('nothing is there (HTTP 404)');
  return broken(
    `HTTP ${status} without a redirect to https://${name}, so that a token sent there is read on its way`,
    'let the controller redirect: docs/ingress.md#controllers',
  );
}

/** Which address the agent took for that of this machine, by the line that the request left in its log. */
async function seen(name: string, path: string, kubectl: Kubectl, way: Way): Promise<Finding> {
  const logs = await kubectl(['logs', `deployment/${NAMES.deployment}`, '--since', '1m', '--tail', '500']);
  if ('failure' in logs) return broken(logs.failure, npmRun('doctor'));
  const line = logs.output
    .split('\n')
    .map((text) => jsonIn(text) as { path?: unknown; address?: unknown } | undefined)
    .find((entry) => entry?.path === path);
  if (line === undefined) return skipped('the log has no line of the request: logLevel is above info');
  const { address } = line;
  if (typeof address !== 'string') {
    return broken(
      'the controller sends no X-Forwarded-For, so that the agent takes callers outside for pods of the cluster, whom sourceRanges does not concern',
      'docs/ingress.md#controllers',
    );
  }
  if (address === CLAIM) {
    return broken(
      'the controller passes on what callers claim in X-Forwarded-For, and the agent takes it for their address',
      'docs/ingress.md#controllers',
    );
  }
  const isPublic = (text: string) => ipaddr.process(text).range() === 'unicast';
  const isOwn = Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address));
  const places = way.lookup ? [] : await addressesOf(name);
  if (!isPublic(address) && !isOwn && places.some(isPublic)) {
    return broken(
      `the agent takes ${address} for this machine, which is an address of a proxy or a node`,
      `${setProxies}, or see docs/ingress.md#the-address-of-callers`,
    );
  }
  return ok(`the agent takes ${address} for this machine`);
}

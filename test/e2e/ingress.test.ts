import { readFileSync, rmSync } from 'node:fs';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { host as hostChecks } from '../../stack/cli/doctor/host.ts';
import { examine } from '../../stack/cli/doctor/finding.ts';
import type { Named } from '../../stack/cli/doctor/finding.ts';
import { StackFile } from '../../stack/config/stack-file.ts';
import { kubectlOf } from '../../stack/cli/system/kubectl.ts';
import { certificatesFor } from '../doubles/oauth-proxy/certificates.ts';
import type { Certificates } from '../doubles/oauth-proxy/certificates.ts';
import { needs } from '../support/needs.ts';
import { Checkout, CONTROLLER_NAMESPACE } from './checkout.ts';
import { kubectl, takeDown, until } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { CONTROLLER_CLASS, hasGatewayApi, missingController, startController } from './ingress-controller.ts';
import type { Controller } from './ingress-controller.ts';
import { tryPolicies } from './network.ts';
import { NO_ENGINE } from './policy-engine.ts';
import { missingRequirement } from './requirements.ts';

const HOST = 'claude-agent.example.org';
const SECRET = 'claude-agent-tls';
const UPLOAD_MEBIBYTES = 64;
const SETTINGS = {
  host: HOST,
  tlsSecret: SECRET,
  ingressClass: CONTROLLER_CLASS,
  ingressNamespace: CONTROLLER_NAMESPACE,
};
/** From where the host is called: a pod that may, and one that may not when there are source ranges. */
const CALLERS = 'e2e-callers';
const [OFFICE, STRANGER] = ['office', 'stranger'] as const;
type Caller = typeof OFFICE | typeof STRANGER;

let checkout: Checkout;
let controller: Controller;
let certificates: Certificates;

const up = async (settings: Readonly<Record<string, unknown>> = {}): Promise<string> => {
  checkout.configure(settings);
  const { exitCode, output } = await checkout.npm('up', '--yes', '--skip-preview', '--non-interactive');
  expect(exitCode, output).toBe(0);
  return output;
};
const stackOutput = async (name: string) => (await checkout.pulumi('stack', 'output', name, '--stack', 'dev')).trim();
const namespaces = () => kubectl(['get', 'namespaces', '--output', 'name']);
const addressOf = (caller: Caller) =>
  kubectl(['get', 'pod', caller, '--namespace', CALLERS, '--output', 'jsonpath={.status.podIP}']);

/** Runs a script in the caller's pod, where `ask` is curl on the way to the host, and `$T` the API token. */
function inCaller(caller: Caller, script: string): Promise<string> {
  const ask = `ask() { curl --silent --show-error --max-time 100 --cacert /tmp/ca.pem --resolve ${HOST}:443:${controller.address} --resolve ${HOST}:80:${controller.address} "$@"; }`;
  const token = 'read -r T';
  return kubectl(
    ['exec', '--stdin', '--namespace', CALLERS, caller, '--', 'sh', '-c', `${token}; ${ask}; ${script}`],
    `${checkout.token()}\n`,
  );
}
const AUTHORIZED = '--header "Authorization: Bearer $T"';
const statusOf = (caller: Caller, ...args: string[]) =>
  inCaller(caller, `ask --output /dev/null --write-out '%{http_code} %{redirect_url}' ${args.join(' ')}`);

async function startCallers(image: string): Promise<void> {
  const pod = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: CALLERS },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'caller', image, args: ['sleep', '3600'] }],
    },
  });
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: CALLERS } }, pod(OFFICE), pod(STRANGER)];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const name of [OFFICE, STRANGER]) {
    await kubectl(['wait', `pod/${name}`, '--namespace', CALLERS, '--for=condition=Ready', '--timeout=100s']);
    const write = ['exec', '--stdin', '--namespace', CALLERS, name, '--', 'sh', '-c', 'cat > /tmp/ca.pem'];
    await kubectl(write, readFileSync(certificates.caFile, 'utf8'));
  }
}

/** As an operator makes it, or cert-manager. */
async function makeCertificate(namespace: string): Promise<void> {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SECRET, namespace },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': certificates.cert, 'tls.key': certificates.key },
  };
  await kubectl(['apply', '--filename', '-'], JSON.stringify(secret));
}

/** What the doctor says of the host, on a way through a local port. */
async function doctorSays(): Promise<Named[]> {
  const forward = execa(
    'kubectl',
    ['port-forward', '--namespace', CONTROLLER_NAMESPACE, 'service/traefik', ':80', ':443'],
    {
      reject: false,
    },
  );
  try {
    const ports = new Map<string, number>();
    await new Promise<void>((resolve, reject) => {
      forward.stdout.on('data', (chunk: Buffer) => {
        for (const [, local = '', remote = ''] of chunk.toString().matchAll(/127\.0\.0\.1:(\d+) -> (\d+)/g)) {
          ports.set(remote, Number(local));
        }
        if (ports.size === 2) resolve();
      });
      void forward.then(({ stderr }) => reject(new Error(stderr)));
    });
    const config = StackFile.at(checkout.at('Pulumi.dev.yaml'), checkout.folder);
    const checks = hostChecks(config, kubectlOf(''), checkout.token(), {
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
      ports: { http: ports.get('80') ?? 0, https: ports.get('443') ?? 0 },
      ca: readFileSync(certificates.caFile, 'utf8'),
    });
    const found: Named[] = [];
    const passed = ['namespace', 'pod'].map((name) => ({
      name,
      look: () => Promise.resolve({ state: 'ok' as const, detail: '' }),
    }));
    for await (const finding of examine([...passed, ...checks])) found.push(finding);
    return found.slice(passed.length);
  } finally {
    forward.kill();
    await forward;
  }
}

/** What holds behind a Gateway and behind an Ingress. */
function holds(): void {
  test('answers by HTTPS, with the certificate of the Secret', async () => {
    await until('the route', async () =>
      (await statusOf(OFFICE, `https://${HOST}/ready`)).startsWith('200') ? true : undefined,
    );
    const answer = await inCaller(
      OFFICE,
      `ask ${AUTHORIZED} --json '{"prompt": "Hello from another network"}' https://${HOST}/run`,
    );
    expect(JSON.parse(answer)).toMatchObject({ success: true, output: 'echo: Hello from another network' });
    expect(await statusOf(OFFICE, `--header 'Authorization: Bearer wrong'`, `https://${HOST}/runs`)).toBe('401 ');
  });

  test('shows the page, and tells browsers to come by HTTPS', async () => {
    const page = await inCaller(OFFICE, `ask --include https://${HOST}/`);
    expect(page).toMatch(/^strict-transport-security: max-age=31536000\s*$/im);
    expect(page).toContain('<!doctype html>');
  });

  test('redirects from HTTP', async () => {
    expect(await statusOf(OFFICE, `http://${HOST}/runs?limit=1`)).toBe(`301 https://${HOST}/runs?limit=1`);
  });

  test('has nothing for another host', async () => {
    const other = 'other.example.org';
    const answer = await inCaller(
      OFFICE,
      `ask --insecure --resolve ${other}:443:${controller.address} --output /dev/null --write-out '%{http_code}' https://${other}/ready`,
    );
    expect(answer).toBe('404');
  });

  test('takes an upload of 64 MiB', async () => {
    const answer = await inCaller(
      OFFICE,
      `head -c ${UPLOAD_MEBIBYTES * 1024 * 1024} /dev/zero > /tmp/upload; ask ${AUTHORIZED} --upload-file /tmp/upload 'https://${HOST}/files?name=zeros'`,
    );
    expect(JSON.parse(answer)).toMatchObject({ name: 'zeros', bytes: UPLOAD_MEBIBYTES * 1024 * 1024 });
  });

  test('passes events on while the run is in progress', async () => {
    const accepted = JSON.parse(
      await inCaller(OFFICE, `ask ${AUTHORIZED} --json '{"prompt": "[[bash:sleep 60]]"}' https://${HOST}/runs`),
    ) as { id: string };
    const watch = `ask --no-buffer ${AUTHORIZED} https://${HOST}/runs/${accepted.id}/events`;
    // The first event cancels the run, which otherwise would go on for longer than the test waits.
    const cancel = `ask ${AUTHORIZED} --request DELETE --output /dev/null https://${HOST}/runs/${accepted.id}`;
    const events = await inCaller(
      OFFICE,
      `C=; ${watch} | while read -r line; do echo "$line"; case "$line:$C" in data:*:) C=1; ${cancel};; esac; done`,
    );
    expect(events).toContain('"cancelled"');
  });

  test('admits the source ranges only, by the address that the caller really has', async () => {
    await up({ sourceRanges: [`${await addressOf(OFFICE)}/32`] });
    expect(await statusOf(OFFICE, AUTHORIZED, `https://${HOST}/runs`)).toBe('200 ');
    const claim = `--header 'X-Forwarded-For: ${await addressOf(OFFICE)}'`;
    const refused = JSON.parse(await inCaller(STRANGER, `ask ${AUTHORIZED} ${claim} https://${HOST}/runs`)) as object;
    expect(refused).toMatchObject({
      status: 403,
      type: 'urn:claude-code-agent:problem:address-not-allowed',
      detail: expect.stringContaining(`The request comes from ${await addressOf(STRANGER)}`) as string,
    });
    expect(await doctorSays()).toContainEqual(
      expect.objectContaining({
        check: 'https',
        state: 'broken',
        next: expect.stringContaining('sourceRanges') as string,
      }),
    );
    await up({ sourceRanges: [] });
  });

  test('refuses what came through fewer proxies than the config says, and the doctor says so', async () => {
    await up({ trustedProxies: '2' });
    expect(await doctorSays()).toContainEqual(
      expect.objectContaining({
        check: 'https',
        state: 'broken',
        next: expect.stringContaining('config set trustedProxies') as string,
      }),
    );
    await up({ trustedProxies: '1' });
  });

  test('the doctor finds nothing wrong', async () => {
    const findings = await doctorSays();
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      'route',
      'host name',
      'certificate',
      'https',
      'http',
      'caller address',
    ]);
  });

  test('changes nothing when it is brought up again, nor has anything drifted', async () => {
    expect(await up()).toMatch(/Resources:\n\s+\d+ unchanged/);
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });
}

describe('from outside of the cluster', needs((await missingRequirement()) ?? (await missingController())), () => {
  beforeAll(async () => {
    certificates = await certificatesFor(90, HOST);
    checkout = new Checkout({
      settings: { ...SETTINGS, fileMegabytes: UPLOAD_MEBIBYTES },
    });
    await checkout.fill();
    checkout.logIn(2);
  });

  afterAll(async () => {
    await kubectl(['delete', 'namespace', CALLERS, '--ignore-not-found']);
    await takeDown(checkout);
    await controller.stop();
    await certificates[Symbol.asyncDispose]();
  });

  test('a Gateway needs the Gateway API, and an update without it says so', async () => {
    if (!(await hasGatewayApi())) {
      const { exitCode, output } = await checkout.npm('up', '--yes', '--skip-preview', '--non-interactive');
      expect(exitCode).not.toBe(0);
      expect(output).toContain('no matches for kind "Gateway" in version "gateway.networking.k8s.io/v1"');
    }
    controller = await startController();
    expect(await up()).toContain(`POST https://${HOST}/run`);
    expect(await stackOutput('agentUrl')).toBe(`https://${HOST}`);
    await startCallers(await stackOutput('image'));
    await startDouble(await stackOutput('image'));
  });

  test('the doctor says which certificate is missing, and how to make it', async () => {
    const [route] = await doctorSays();
    expect(route).toMatchObject({
      check: 'route',
      state: 'broken',
      next: expect.stringMatching(/claude-agent-gateway/) as string,
    });
    await makeCertificate('claude-agent-gateway');
  });

  describe('through a Gateway', () => {
    holds();

    test('only the pods of the controller reach the agent, where the cluster has an engine for network policies', async ({
      skip,
    }) => {
      const found = await tryPolicies(await stackOutput('image'), async () => {
        expect(await statusOf(OFFICE, `https://${HOST}/ready`)).toBe('200 ');
      });
      if (found === undefined) skip(NO_ENGINE);
      // The rest of the matrix needs config that this stack has not.
      const ofOthers = found?.wrong.filter((line) => /^(controller|stranger) /.test(line));
      expect(ofOthers).toEqual([]);
    });
  });

  describe('through an Ingress', () => {
    beforeAll(async () => {
      await controller.restart(
        '--entryPoints.web.http.redirections.entryPoint.to=:443',
        '--entryPoints.web.http.redirections.entryPoint.permanent=true',
      );
      await up({ ingress: 'ingress' });
      await makeCertificate('claude-agent');
    });

    holds();
  });

  test('a rollback returns to the Gateway of an earlier update', async () => {
    expect(await namespaces()).not.toContain('claude-agent-gateway');
    const listed = (await checkout.npm('rollback')).output;
    const first = Math.min(...[...listed.matchAll(/^(\d+) /gm)].map(([, number]) => Number(number)));
    const back = await checkout.npm('rollback', String(first), '--yes', '--skip-preview', '--non-interactive');
    expect(back.exitCode, `${listed}\n${back.output}`).toBe(0);
    expect(await namespaces()).toContain('claude-agent-gateway');
    expect(await kubectl(['get', 'ingress', '--all-namespaces', '--output', 'name'])).toBe('');
  });

  test('an update without a host leaves nothing reachable', async () => {
    await up({ host: '', tlsSecret: '', ingress: 'gateway', ingressClass: '', ingressNamespace: '', image: '' });
    expect(await kubectl(['get', 'gateway,httproute', '--all-namespaces', '--output', 'name'])).toBe('');
    expect(await namespaces()).not.toContain('claude-agent-gateway');
    expect(await stackOutput('agentUrl')).toBe('http://claude-agent.claude-agent.svc');
  });

  test('a lost state is rebuilt from the cluster, and nothing of the Gateway is replaced', async () => {
    await up(SETTINGS);
    const uid = () =>
      kubectl(['get', 'gateway,httproute', '--all-namespaces', '--output', 'jsonpath={.items[*].metadata.uid}']);
    const before = await uid();
    rmSync(checkout.at('.local', 'pulumi'), { recursive: true });
    expect(await up()).toContain('adopting the existing objects');
    expect(await uid()).toBe(before);
  });
});

import type { AddressInfo } from 'node:net';
import { json as readJson } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { serve } from '@hono/node-server';
import { Hono, type Context } from 'hono';

import { Stack, type Deployment, type Update } from './stacks.ts';

/** A running double of a Pulumi service. */
export interface PulumiService extends AsyncDisposable {
  readonly url: string;
  /** The access token of its user. */
  readonly accessToken: string;
  /** Stacks by `project/stack`. */
  readonly stacks: ReadonlyMap<string, Stack>;
  /** Unknown calls, as `METHOD path`, to detect calls that a newer engine needs. */
  readonly unknown: readonly string[];
}

const USER = 'e2e';
const LEASE_SECONDS = 300;

interface Cell {
  Variables: { stack: Stack; update: Update };
}

/**
 * Starts a double of the Pulumi service: the state of stacks, their secrets and their updates, one at a time for each stack.
 * It serves the calls of the engine's client (pulumi/pulumi, pkg/backend/httpstate/client).
 */
export async function startPulumiService(): Promise<PulumiService> {
  const accessToken = 'pul-canary-access-token';
  const stacks = new Map<string, Stack>();
  const unknown: string[] = [];
  const app = new Hono<Cell>();
  const found = ({ req }: Context) => stacks.get(`${req.param('project') ?? ''}/${req.param('stack') ?? ''}`);

  app.use('/api/*', async (c, next) => {
    const [kind, token] = (c.req.header('Authorization') ?? '').split(' ');
    if (kind === 'token' ? token === accessToken : kind === 'update-token') return next();
    return refused(c, 401, 'Unauthorized: No credentials provided or are invalid.');
  });
  app.get('/api/capabilities', (c) => c.json({ capabilities: [] }));
  app.get('/api/user', (c) => c.json({ githubLogin: USER, name: USER, organizations: [{ githubLogin: USER }] }));
  app.get('/api/user/organizations/default', (c) => c.json({ GitHubLogin: USER, messages: [] }));
  app.get('/api/user/stacks', (c) => {
    const project = c.req.query('project');
    const all = [...stacks].filter(([id]) => project === undefined || id.startsWith(`${project}/`));
    return c.json({
      stacks: all.map(([id, stack]) => ({
        orgName: USER,
        projectName: id.split('/')[0],
        stackName: stack.name,
        resourceCount: stack.deployment.deployment.resources?.length ?? 0,
      })),
    });
  });
  app.on('HEAD', `/api/stacks/${USER}/:project`, (c) => {
    const known = [...stacks.keys()].some((id) => id.startsWith(`${c.req.param('project')}/`));
    return c.body(null, known ? 200 : 404);
  });
  app.post(`/api/stacks/${USER}/:project`, async (c) => {
    const { stackName, tags = {} } = await body<{ stackName: string; tags?: object }>(c);
    const id = `${c.req.param('project')}/${stackName}`;
    if (stacks.has(id)) return refused(c, 409, `Stack '${stackName}' already exists.`);
    stacks.set(id, new Stack(stackName, tags));
    return c.json({});
  });

  const one = new Hono<Cell>();
  one.use(async (c, next) => {
    const stack = found(c);
    if (!stack) return refused(c, 404, 'Not found: Stack not found');
    c.set('stack', stack);
    return next();
  });
  one.get('/', (c) => {
    const { name, tags, version, active } = c.get('stack');
    const [project] = [c.req.param('project') ?? ''];
    const about = { orgName: USER, projectName: project, stackName: name, tags, version };
    return c.json({ id: `${project}/${name}`, activeUpdate: active?.id ?? '', ...about });
  });
  one.delete('/', (c) => {
    stacks.delete(`${c.req.param('project') ?? ''}/${c.get('stack').name}`);
    return c.body(null, 204);
  });
  one.patch('/tags', async (c) => {
    c.get('stack').tags = await body<object>(c);
    return c.body(null, 204);
  });
  one.post('/encrypt', async (c) => {
    const { plaintext } = await body<{ plaintext: string }>(c);
    return c.json({ ciphertext: c.get('stack').encrypt(plaintext) });
  });
  one.post('/decrypt', async (c) => {
    const { ciphertext } = await body<{ ciphertext: string }>(c);
    return c.json({ plaintext: c.get('stack').decrypt(ciphertext) });
  });
  one.post('/decrypt/log-decryption', (c) => c.body(null, 204));
  one.post('/batch-encrypt', async (c) => {
    const { plaintexts } = await body<{ plaintexts: string[] }>(c);
    return c.json({ ciphertexts: plaintexts.map((plain) => c.get('stack').encrypt(plain)) });
  });
  one.post('/batch-decrypt', async (c) => {
    const { ciphertexts } = await body<{ ciphertexts: string[] }>(c);
    return c.json({ plaintexts: Object.fromEntries(ciphertexts.map((text) => [text, c.get('stack').decrypt(text)])) });
  });
  one.get('/export', (c) => c.json(c.get('stack').deployment));
  one.post('/import', async (c) => {
    const stack = c.get('stack');
    if (stack.active) return conflict(c, stack.active);
    stack.deployment = await body<Deployment>(c);
    const update = stack.begin('import', {});
    update.status = 'succeeded';
    return c.json({ updateId: update.id });
  });
  one.get('/updates/latest', (c) => {
    const last = c.get('stack').updates.findLast(({ kind }) => kind !== 'preview');
    return last ? c.json({ info: { config: last.config } }) : refused(c, 404, 'Not found');
  });
  one.post('/:kind{(?:update|preview|refresh|destroy)}', async (c) => {
    const { config } = await body<{ config: object }>(c);
    return c.json({ updateID: c.get('stack').begin(c.req.param('kind'), config).id });
  });

  const update = new Hono<Cell>();
  update.use(async (c, next) => {
    const known = c.get('stack').updates.find(({ id }) => id === c.req.param('id'));
    if (!known) return refused(c, 404, 'Not found: Update not found');
    c.set('update', known);
    return next();
  });
  const leased = async (c: Context<Cell>, next: () => Promise<void>) => {
    if (c.req.header('Authorization') === `update-token ${c.get('update').lease}`) return next();
    return refused(c, 403, 'Forbidden: the lease is not that of the update.');
  };
  update.get('/', (c) => c.json({ status: c.get('update').status, events: [] }));
  update.post('/', (c) => {
    const { stack, update: asked } = c.var;
    if (asked.kind !== 'preview' && stack.active) return conflict(c, stack.active);
    asked.status = 'running';
    return c.json({ version: asked.version, token: asked.lease, ...leaseEnd() });
  });
  update.post('/cancel', (c) => {
    c.get('update').status = 'cancelled';
    return c.body(null, 204);
  });
  update.patch('/checkpoint', leased, async (c) => {
    const { version, features, deployment } = await body<Deployment>(c);
    c.get('stack').deployment = { version, ...(features && { features }), deployment };
    return c.body(null, 204);
  });
  update.patch('/checkpointverbatim', leased, async (c) => {
    c.get('stack').deployment = (await body<{ untypedDeployment: Deployment }>(c)).untypedDeployment;
    return c.body(null, 204);
  });
  update.post('/events/batch', leased, (c) => c.body(null, 204));
  update.post('/renew_lease', leased, (c) => c.json({ token: c.get('update').lease, ...leaseEnd() }));
  update.post('/complete', leased, async (c) => {
    c.get('update').status = (await body<{ status: 'succeeded' | 'failed' }>(c)).status;
    return c.body(null, 204);
  });
  one.route('/:kind{(?:update|preview|refresh|destroy|import)}/:id', update);
  app.route(`/api/stacks/${USER}/:project/:stack`, one);
  app.notFound((c) => {
    unknown.push(`${c.req.method} ${c.req.path}`);
    return refused(c, 404, 'Not found');
  });

  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accessToken,
    stacks,
    unknown,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The engine compresses large bodies with gzip. */
async function body<T>({ req }: Context): Promise<T> {
  const bytes = Readable.from(Buffer.from(await req.arrayBuffer()));
  return (await readJson(req.header('Content-Encoding') === 'gzip' ? bytes.pipe(createGunzip()) : bytes)) as T;
}

const refused = (c: Pick<Context, 'json'>, code: 401 | 403 | 404 | 409, message: string) =>
  c.json({ code, message }, code);
const conflict = (c: Pick<Context, 'json'>, { kind }: Update) =>
  refused(c, 409, `Conflict: Another update is currently in progress (${kind}).`);
const leaseEnd = () => ({ tokenExpiration: Math.floor(Date.now() / 1000) + LEASE_SECONDS });

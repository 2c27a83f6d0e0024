import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { missingN8n } from '../support/n8n-home.ts';
import type { RealN8n } from '../support/n8n.ts';
import { World } from '../watchdog/world.ts';
import { Author } from './author.ts';
import { theN8n } from './site.ts';
import { needs } from '../support/needs.ts';

describe('n8n and the watchdog', needs(missingN8n), () => {
  let n8n: RealN8n;
  let world: World;
  beforeAll(async () => {
    n8n = theN8n();
    world = await World.make();
    const keyFile = path.join(world.folder, 'real-key');
    writeFileSync(keyFile, await n8n.apiKey());
    Object.assign(world.env, { WATCHDOG_N8N_API_URL: n8n.url, WATCHDOG_N8N_API_KEY_FILE: keyFile });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('is paused and resumed: every workflow at its version, and what people did meanwhile stays', async () => {
    const names = ['Untouched', 'With a draft', 'Edited', 'Archived', 'Deleted', 'On again', 'Off by hand'] as const;
    const made = new Map<string, { id: string; activeVersionId: string | null }>();
    for (const name of names) made.set(name, await n8n.addWorkflow(name, { published: name !== 'Off by hand' }));
    const other = await n8n.addWorkflow('Of others', { tag: 'other' });
    const idOf = (name: (typeof names)[number]) => made.get(name)?.id ?? '';
    await n8n.edit(idOf('With a draft'));

    world.agent.login = { state: 'auth_failed' };
    const red = await world.pass();
    expect(red.exitCode).toBe(57);
    expect(red.said).toContain('Paused 6 workflow(s) in n8n');
    for (const name of names) expect(await n8n.workflow(idOf(name))).toMatchObject({ active: false });
    expect(await n8n.workflow(other.id)).toMatchObject({ active: true });

    await n8n.edit(idOf('Edited'));
    await n8n.api('POST', `/workflows/${idOf('Archived')}/archive`);
    await n8n.api('POST', `/workflows/${idOf('Deleted')}/archive`);
    await n8n.api('DELETE', `/workflows/${idOf('Deleted')}`);
    await n8n.api('POST', `/workflows/${idOf('On again')}/publish`, {});

    world.agent.login = { state: 'ok' };
    const green = await world.pass();
    expect(green.exitCode, green.everything).toBe(0);
    for (const name of ['Untouched', 'With a draft', 'On again'] as const) {
      expect(await n8n.workflow(idOf(name)), name).toMatchObject({
        active: true,
        activeVersionId: made.get(name)?.activeVersionId,
      });
    }
    for (const name of ['Edited', 'Archived', 'Off by hand'] as const) {
      expect(await n8n.workflow(idOf(name)), name).toMatchObject({ active: false });
    }
    const card = JSON.stringify(world.teams.cards.at(-1));
    for (const said of [
      'Edited was edited',
      'Archived was archived',
      'Deleted was deleted',
      'On again was published by hand',
    ]) {
      expect(card).toContain(said);
    }
    expect(card).toContain('Resumed workflows (2)');
  }, 120_000);

  test('leaves on what n8n runs when another workflow fails', async () => {
    const author = new Author(n8n);
    const onError = await author.make('on-error', {});
    await n8n.tagWorkflow(onError.id);
    await n8n.api('POST', `/workflows/${onError.id}/publish`, {});
    const other = await n8n.addWorkflow('Paused beside it');
    world.agent.login = { state: 'auth_failed' };
    expect((await world.pass()).exitCode).toBe(57);
    expect(await n8n.workflow(other.id)).toMatchObject({ active: false });
    expect(await n8n.workflow(onError.id)).toMatchObject({ active: true });

    world.agent.login = { state: 'ok' };
    expect((await world.pass()).exitCode).toBe(0);
    expect(await n8n.workflow(other.id)).toMatchObject({ active: true });
    await author.leave();
  }, 120_000);

  test('refuses a key that may only read, and the pass says which scopes it needs', async () => {
    const keyFile = path.join(world.folder, 'reading-key');
    writeFileSync(keyFile, await n8n.apiKey(['workflow:list', 'workflow:read']));
    await n8n.addWorkflow('Not to be paused');
    world.agent.login = { state: 'auth_failed' };
    world.env['WATCHDOG_N8N_API_KEY_FILE'] = keyFile;
    const pass = await world.pass();
    expect(pass.exitCode).toBe(57);
    expect(pass.said).toContain('it needs workflow:list, workflow:read, workflow:activate, workflow:deactivate');
  }, 60_000);
});

import { describe, expect, it } from 'vitest';
import type { RunResource } from '../../agent/http/api/run.ts';
import { until } from '../support/agent.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { eventually, outputOf } from './author.ts';
import { Site } from './site.ts';
import { needs } from '../support/needs.ts';

describe('a restart of n8n', needs(missingN8n), () => {
  // An n8n that starts marks what runs as crashed, and with it, now and then, what a callback has just woken.
  it(
    'in which a run ends: what sleeps until its callback gets it, and what had a connection open is lost',
    { timeout: 300_000, retry: 2 },
    async () => {
      await using site = await Site.scripted({ first: [{ do: 'hang' }] });
      const look = async (id: string) => (await (await site.agent.fetch(`/runs/${id}`)).json()) as RunResource;
      const short = await site.author.publish('ask-claude', { ...site.input, prompt: 'first' });
      const long = await site.author.publish('ask-claude-long', { ...site.input, prompt: 'second' });
      const shortId = await short.start();
      await until(() => site.agent.claude.begun().length === 1, 'the first run');
      const longId = await long.start();
      const waiting = await long.is(longId, 'waiting');
      const { body } = outputOf(waiting, 'Send')[0] as { body: { id: string } };

      await site.n8n.crash(async () => {
        const { runs } = (await (await site.agent.fetch('/runs?state=running')).json()) as { runs: { id: string }[] };
        await site.agent.fetch(`/runs/${runs[0]?.id}`, { method: 'DELETE' });
        await eventually(async () => ((await look(body.id)).callback?.attempts ?? 0) > 0 || undefined, 'an attempt');
      });

      const woken = await long.ended(longId);
      expect(woken.status).toBe('success');
      expect(outputOf(woken, 'Answer')).toMatchObject([{ answer: 'echo: second' }]);
      expect((await look(body.id)).callback).toMatchObject({ state: 'delivered' });
      expect((await short.execution(shortId)).status).toBe('crashed');
      expect(site.agent.claude.begun()).toEqual(['first', 'second']);
    },
  );
});

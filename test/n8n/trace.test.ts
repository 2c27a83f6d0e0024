import { describe, expect, it } from 'vitest';
import { Collector } from '../doubles/collector/server.ts';
import { until } from '../support/agent.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { RealN8n } from '../support/n8n.ts';
import { Site } from './site.ts';

describe('an n8n with traces of its own', needs(missingN8n), () => {
  it('has the run of an execution in the span of its node', { timeout: 180_000 }, async () => {
    await using collector = await Collector.start();
    await using n8n = await RealN8n.start({
      N8N_OTEL_ENABLED: 'true',
      N8N_OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      N8N_OTEL_TRACES_PRODUCTION_ONLY: 'false',
    });
    await using site = await Site.scripted({}, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, { n8n });
    const workflow = await site.author.make('ask-claude', site.input);
    expect((await workflow.execute()).status).toBe('success');

    const run = () => collector.spans.find(({ name }) => name === 'run');
    const node = () => collector.spans.find(({ spanId }) => spanId === run()?.parentSpanId);
    const execution = () => collector.spans.find(({ spanId }) => spanId === node()?.parentSpanId);
    await until(() => execution() !== undefined, 'the spans of the run, its node and its execution');
    expect([run()?.resource['service.name'], node()?.resource['service.name']]).toEqual(['claude-code-agent', 'n8n']);
    expect(new Set([run(), node(), execution()].map((span) => span?.traceId)).size).toBe(1);
    expect(node()?.attributes).toMatchObject({ 'n8n.node.name': 'Ask Claude' });
  });
});

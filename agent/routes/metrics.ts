import { Hono } from 'hono';
import type { RunMetrics } from '../runs/metrics.ts';

/** `GET /metrics`: for Prometheus. */
export function metricsRoute(metrics: RunMetrics): Hono {
  const route = new Hono();
  route.get('/', async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }));
  return route;
}

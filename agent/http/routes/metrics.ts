import type { Handler } from 'hono';
import type { RunMetrics } from '../metrics.ts';

/** `GET /metrics`: for Prometheus. */
export function getMetrics(metrics: RunMetrics): Handler {
  return async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
}

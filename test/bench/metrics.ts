import type { Agent } from '../support/agent.ts';

/** The agent's metrics at a point in time. */
export interface Metrics {
  /**
   * The sum of the series of a metric.
   * @param label adds up only the series with this label, for example `outcome="failed"`.
   */
  sum(name: string, label?: string): number;
  has(name: string): boolean;
}

/** Reads `/metrics`. */
export async function metricsOf(agent: Agent): Promise<Metrics> {
  const lines = (await (await agent.fetch('/metrics')).text()).split('\n');
  const series = (name: string) => lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return {
    sum: (name, label = '') =>
      series(name)
        .filter((line) => line.includes(label))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0),
    has: (name) => series(name).length > 0,
  };
}

import type { BudgetSetting } from '../../../agent/budgets/rules.ts';
import type { BudgetList } from '../../../agent/http/api/budget.ts';
import { TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { asList } from '../../config/value-text.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { callAgent } from '../system/agent-api.ts';
import { CliError } from '../system/terminal.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';

type Budget = BudgetList['budgets'][number];

/**
 * How much of the budgets is spent; left out if the config has none.
 * @param context Of the kubeconfig; empty for the current one.
 * @param token The API token; undefined if this machine has none.
 */
export function budgets(config: StackFile, context: string, token: string | undefined): Check[] {
  const configured = asList(config.get('budgets')) as readonly Partial<BudgetSetting>[];
  return [
    {
      name: 'budgets',
      needs: ['pod'],
      when: () => configured.length > 0,
      look: async () => {
        if (token === undefined) return skipped(`this machine has no API token (${TOKEN_FILE})`);
        const { status, body } = await callAgent(context, { path: '/budgets', token });
        if (status === 401) return skipped("the agent does not accept this machine's API token");
        // An agent from before there were budgets answers 404.
        if (status !== 200 && status !== 404) throw new CliError(`GET /budgets returned HTTP ${status}`);
        const all = status === 404 ? [] : (body as BudgetList).budgets;
        // A budget of a label is listed once one of its values has spent something.
        const isDeployed = all.length > 0 || (status === 200 && configured.every(({ label }) => label !== undefined));
        return isDeployed ? judged(all) : broken('the agent does not have those of the config', npmRun('up'));
      },
    },
  ];
}

function judged(all: readonly Budget[]): Finding {
  const [fullest] = all.toSorted((a, b) => b.spentUsd / b.usd - a.spentUsd / a.usd);
  if (!fullest) return ok('nothing is spent');
  const spent = all.filter(({ leftUsd }) => leftUsd === 0);
  if (spent.length === 0) return ok(`the fullest: ${wordsOf(fullest)}`);
  const others = spent.length === 1 ? '' : ` and ${spent.length - 1} more`;
  // Nothing is broken: a budget that is spent does what it is for.
  return ok(
    `spent: ${wordsOf(fullest)}${others}. Its runs are refused until ${fullest.resetsAt}. To raise it: config budgets, then ${npmRun('up')}`,
  );
}

function wordsOf({ usd, per, caller, label, value = '', spentUsd }: Budget): string {
  const whose = [
    ...(caller === undefined ? [] : [`caller ${caller}`]),
    ...(label === undefined ? [] : [`${label} ${JSON.stringify(value)}`]),
  ];
  const of = whose.length === 0 ? '' : ` of ${whose.join(', ')}`;
  return `$${spentUsd.toFixed(2)} of $${usd.toFixed(2)} per ${per}${of}`;
}

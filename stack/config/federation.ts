import { FEDERATION_IDS, FEDERATION_VARIABLES } from '../../agent/contract.ts';
import type { ConfigReader } from './reader.ts';

/** How the pod exchanges its own identity for access to Anthropic; none of it is a secret. */
export interface Federation {
  readonly ruleId: string;
  readonly organizationId: string;
  readonly serviceAccountId: string | undefined;
  readonly workspaceId: string | undefined;
  /** The audience of the pod's token, as the rule requires it. */
  readonly audience: string;
  /** How long a token lasts; the kubelet renews it after four fifths of that. */
  readonly tokenSeconds: number;
}

/** Kubernetes issues no shorter-lived tokens, and Anthropic's rules allow no longer-lived ones. */
const SECONDS = { min: 600, max: 86_400 } as const;

/** Reads the keys of a federation; its IDs are required if it is `used`. */
export function readFederation(read: ConfigReader, used: boolean): Federation | undefined {
  const id = (key: string, { pattern, allowed }: { pattern: RegExp; allowed: string }, optional = !used) =>
    read.text(key, pattern, allowed, { optional }) || undefined;
  const { ruleId, organizationId, serviceAccountId, workspaceId } = FEDERATION_IDS;
  const federation = {
    ruleId: id('federationRuleId', ruleId) ?? '',
    organizationId: id('federationOrganizationId', organizationId) ?? '',
    serviceAccountId: id('federationServiceAccountId', serviceAccountId, true),
    workspaceId: id('federationWorkspaceId', workspaceId, true),
    audience: read.text('federationAudience', /^\S+$/, 'the audience that the rule requires, without spaces'),
    tokenSeconds: read.integer('federationTokenSeconds', SECONDS.min, SECONDS.max),
  };
  return used ? federation : undefined;
}

/** The agent's settings for a federation. */
export function federationEnvironment(federation: Federation): Record<string, string> {
  return Object.fromEntries(
    Object.entries(FEDERATION_VARIABLES).flatMap(([id, name]) => {
      const value = federation[id as keyof typeof FEDERATION_VARIABLES];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

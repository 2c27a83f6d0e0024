import { FEDERATION_IDS, FEDERATION_VARIABLES } from '../../agent/contract.ts';
import type { ConfigReader } from './reader.ts';

/** How the pod's own identity becomes access to Anthropic; none of it is a secret. */
export interface Federation {
  readonly ruleId: string;
  readonly organizationId: string;
  readonly serviceAccountId: string | undefined;
  readonly workspaceId: string | undefined;
  /** What the pod's token is meant for, as the rule asks for it. */
  readonly audience: string;
  /** How long a token lasts; the kubelet renews it after four fifths of that. */
  readonly tokenSeconds: number;
}

/** Kubernetes issues no shorter tokens, and Anthropic's rules allow no longer ones. */
const SECONDS = { min: 600, max: 86_400 } as const;

/** Reads the keys of a federation; the ids are required where it is `used`. */
export function readFederation(read: ConfigReader, used: boolean): Federation | undefined {
  const id = (key: string, { pattern, allowed }: { pattern: RegExp; allowed: string }, optional = !used) =>
    read.text(key, pattern, allowed, { optional }) || undefined;
  const { ruleId, organizationId, serviceAccountId, workspaceId } = FEDERATION_IDS;
  const federation = {
    ruleId: id('federationRuleId', ruleId) ?? '',
    organizationId: id('federationOrganizationId', organizationId) ?? '',
    serviceAccountId: id('federationServiceAccountId', serviceAccountId, true),
    workspaceId: id('federationWorkspaceId', workspaceId, true),
    audience: read.text('federationAudience', /^\S+$/, 'the audience that the rule asks for, without spaces'),
    tokenSeconds: read.integer('federationTokenSeconds', SECONDS.min, SECONDS.max),
  };
  return used ? federation : undefined;
}

/** The agent's settings for it. */
export function federationEnvironment(federation: Federation): Record<string, string> {
  return Object.fromEntries(
    Object.entries(FEDERATION_VARIABLES).flatMap(([id, name]) => {
      const value = federation[id as keyof typeof FEDERATION_VARIABLES];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

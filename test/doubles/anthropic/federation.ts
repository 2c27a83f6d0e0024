import { z } from 'zod';
import { failureOf, type Failure } from './failures.ts';

/** How identity tokens are exchanged. */
export const federationSettings = z.strictObject({
  /** The access token that is returned. */
  token: z.string(),
  /** Its declared lifetime in seconds. */
  seconds: z.number(),
  /** A name in the table of failures, or a status: the response to every exchange. */
  failure: z.string().nullable(),
  /** The required audience of the identity token; with `null`, the default, it is not checked. */
  audience: z.string().nullable(),
});

export type Federation = z.infer<typeof federationSettings>;

export const DEFAULT_FEDERATION: Federation = {
  token: 'sk-ant-oat01-federated',
  seconds: 3600,
  failure: null,
  audience: null,
};

/** The CLI posts these; RFC 7523 names the first two. */
const request = z.looseObject({
  grant_type: z.literal('urn:ietf:params:oauth:grant-type:jwt-bearer'),
  assertion: z.string(),
  federation_rule_id: z.string(),
  organization_id: z.string(),
});

const claims = z.looseObject({ aud: z.union([z.string(), z.array(z.string())]), exp: z.number() });

/** The claims of the identity token of an exchange; undefined if it is not a JWT. The signature is not checked. */
export function identityIn(body: unknown): unknown {
  const { data } = request.safeParse(body);
  const [, payload = ''] = data?.assertion.split('.') ?? [];
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The response to an exchange. */
export function exchange({ token, seconds, failure, audience }: Federation, body: unknown): Failure | object {
  if (failure !== null) return failureOf(failure);
  request.parse(body);
  if (audience !== null) {
    const identity = claims.safeParse(identityIn(body));
    if (!identity.success) return failureOf('identity_unreadable');
    if (![identity.data.aud].flat().includes(audience)) return failureOf('no_federation');
    if (identity.data.exp * 1000 < Date.now()) return failureOf('identity_expired');
  }
  return { token_type: 'Bearer', access_token: token, expires_in: seconds };
}

/** Why requests are refused because of their token or where they come from, for the metrics. */
export const HTTP_REFUSALS = ['wrong_token', 'too_many_wrong_tokens', 'address', 'forwarded_for'] as const;

/** One of {@link HTTP_REFUSALS}. */
export type HttpRefusal = (typeof HTTP_REFUSALS)[number];

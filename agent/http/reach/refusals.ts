/** Why requests are refused before anything is read of them but their headers, for the metrics. */
export const HTTP_REFUSALS = ['wrong_token', 'too_many_wrong_tokens', 'address', 'forwarded_for'] as const;

/** One of {@link HTTP_REFUSALS}. */
export type HttpRefusal = (typeof HTTP_REFUSALS)[number];

/** A JWT like those that Kubernetes issues for a pod, valid for an hour and without a valid signature. */
export function identityToken(claims: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: 'https://kubernetes.default.svc.cluster.local',
    sub: 'system:serviceaccount:claude-agent:claude-code-agent',
    aud: ['https://api.anthropic.com'],
    iat: now,
    exp: now + 3600,
    jti: 'first',
    ...claims,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', kid: 'test' })}.${part(all)}.no-signature`;
}

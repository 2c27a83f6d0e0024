const PREFIX = 'repository-';

/** The name of a conversation's clone in the workspace. */
export function cloneName(sessionId: string): string {
  return `${PREFIX}${sessionId}`;
}

/** Whether a name in the workspace is one of {@link cloneName}. */
export function isCloneName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Thrown when a login cannot be started or completed. The message is for people and contains no secret. */
export abstract class LoginError extends Error {}

/** No login can be made here; the message says what to do instead. */
export class LoginNotPossibleError extends LoginError {
  override readonly name = 'LoginNotPossibleError';
}

/** The login would replace that of a person, and nobody confirmed that. */
export class WouldReplaceError extends LoginError {
  override readonly name = 'WouldReplaceError';
}

/** There is no open login with this id. The message says what became of it, if that is known. */
export class NoSuchLoginError extends LoginError {
  override readonly name = 'NoSuchLoginError';
}

/** Anthropic or the CLI does not accept the code. The message says whether the login is still open. */
export class CodeError extends LoginError {
  override readonly name = 'CodeError';
}

/** The CLI cannot make a login now: it cannot be started, or does not reach its server. */
export class LoginUnavailableError extends LoginError {
  override readonly name = 'LoginUnavailableError';
}

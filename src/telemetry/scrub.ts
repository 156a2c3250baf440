// Up to the last `@` of the word: a password that somebody forgot to encode may hold `/` and `@` itself.
const USER_INFO = /([a-z][a-z0-9+.-]*:\/\/)[^\s"'`<>\\]*@/gi;
const SECRET_PARAMETER = /([?&](?:[a-z]*(?:password|secret|token)[a-z]*|authMechanismProperties)=)[^&\s"'`<>\\]+/gi;

/** Takes what could be a login out of any text: the user info of addresses, and the parameters that hold secrets. */
export const scrub = (text: string): string =>
  text.includes('://') ? text.replace(USER_INFO, '$1***@').replace(SECRET_PARAMETER, '$1***') : text;

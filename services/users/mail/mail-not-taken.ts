/** Why a mail was not taken. Without the server's own words: they name whom it was for, and errors are logged. */
export class MailNotTaken extends Error {
  override readonly name = 'MailNotTaken';
  /** What kind of trouble, for example `ECONNECTION`. */
  readonly code: unknown;
  /** Of the server (RFC 5321 §4.2); undefined where it gave none. */
  readonly responseCode: unknown;

  constructor(error: unknown) {
    const told = typeof error === 'object' && error !== null ? error : {};
    const responseCode = 'responseCode' in told ? told.responseCode : undefined;
    super(responseCode === undefined ? 'The mail server did not answer.' : `The mail server answered ${responseCode}.`);
    this.code = 'code' in told ? told.code : undefined;
    this.responseCode = responseCode;
  }
}

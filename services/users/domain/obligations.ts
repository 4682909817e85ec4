/** Kinds of due work of this service: what it still owes after a commit. */
export const SEND_MAIL = 'mail:send';
export const PUBLISH_TENANT = 'tenant:publish';
export const PUBLISH_REVOCATION = 'session:publish-revocation';

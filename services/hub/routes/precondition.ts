import type { IncomingHttpHeaders } from 'node:http';
import { readIfMatch } from '@tenantry/kit/http/entity-tag.ts';
import type { Precondition } from '../domain/layer.ts';
import { preconditionMissing } from '../problems.ts';

/** Nobody replaces a configuration blindly: a request says which version it has seen, or that it expects none. */
export function readPrecondition(headers: IncomingHttpHeaders): Precondition {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    const version = readIfMatch(ifMatch);
    return version === null ? 'exists' : { version };
  }
  if (headers['if-none-match']?.trim() === '*') return 'is-new';
  throw preconditionMissing(
    'Send If-Match with the ETag of the version that you have read, or If-None-Match: * for the first version.',
    { errors: [{ path: 'header.if-match', message: 'is required' }] },
  );
}

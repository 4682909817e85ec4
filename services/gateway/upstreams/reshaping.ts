import type { IncomingHttpHeaders } from 'node:http';
import type { Instance } from './instance.ts';

/** What a route changes of the answers that come back. */
export type AnswerReshaping = {
  readonly headers: (headers: IncomingHttpHeaders, instance: Instance) => IncomingHttpHeaders;
  readonly mapsBody: (method: string | undefined, status: number, headers: IncomingHttpHeaders) => boolean;
  /** Throws when the body is not what it says it is. */
  readonly body: (body: Buffer) => Buffer;
};

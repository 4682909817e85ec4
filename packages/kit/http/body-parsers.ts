import { isUtf8 } from 'node:buffer';
import { malformedJson, unsupportedMediaType } from '@tenantry/kernel/problems.ts';
import type { FastifyInstance } from 'fastify';

/**
 * JSON and nothing else. An empty body is no body, whatever Content-Type a client sends along with it: many send one
 * with every POST. Keys that would reach a prototype are refused by the framework's parser. A byte order mark is passed
 * over and of equal names the last counts, both as RFC 8259 (§8.1, §4) allows: nobody before us has read them otherwise,
 * as the gateway passes bodies on unread. Bytes that are no UTF-8 are refused: decoding would make others of them, and
 * two different texts the same.
 */
export function readBodiesAsJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    if (bytes.length === 0) done(null, undefined);
    else if (!isUtf8(bytes)) done(malformedJson('The body is not UTF-8. Send JSON encoded in UTF-8.'), undefined);
    else parseJson(request, bytes.toString(), done);
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(unsupportedMediaType('Send the body as application/json.'), undefined);
  });
}

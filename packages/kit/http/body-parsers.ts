import { unsupportedMediaType } from '@tenantry/kernel/problems.ts';
import type { FastifyInstance } from 'fastify';

/**
 * JSON and nothing else. An empty body is no body, whatever Content-Type a client sends along with it: many send one
 * with every POST. Keys that would reach a prototype are refused by the framework's parser.
 */
export function readBodiesAsJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parseJson(request, body as string, done);
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(unsupportedMediaType('Send the body as application/json.'), undefined);
  });
}

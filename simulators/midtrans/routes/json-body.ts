import type { FastifyInstance } from 'fastify';

/** Stands in for a body that is no JSON, because each API has its own way to say so. */
export class MalformedJson {}

/**
 * Reads every body as JSON, whatever its content type says, and takes an empty one for none: the published client sends
 * `content-type: application/json` with nothing after it.
 */
export function readBodiesAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(text)) as unknown);
    } catch {
      done(null, new MalformedJson());
    }
  });
}

import { isUtf8 } from 'node:buffer';
import { malformedJson, unsupportedMediaType } from '@tenantry/kernel/problems.ts';
import { type FastifyRequest, fastify } from 'fastify';

/** RFC 9110 §8.3.1. */
const MEDIA_TYPE = /^\s*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)\s*(?:;|$)/;

// The framework's own parser, which refuses keys that would reach a prototype; without the framework around it, so that
// it never looks at the request.
const parser = fastify().getDefaultJsonParser('error', 'error');
const NO_REQUEST = {} as FastifyRequest;

/**
 * JSON and nothing else. An empty body is no body, whatever Content-Type a client sends along with it: many send one
 * with every POST. A byte order mark is passed over and of equal names the last counts, both as RFC 8259 (§8.1, §4)
 * allows: nobody before us has read them otherwise, as the gateway passes bodies on unread. Bytes that are no UTF-8 are
 * refused: decoding would make others of them, and two different texts the same.
 */
export function readJsonBody(contentType: string | undefined, bytes: Buffer | undefined): unknown {
  const [, type] = contentType === undefined ? [] : (MEDIA_TYPE.exec(contentType) ?? [null, null]);
  if (type === null) throw onlyJson();
  if (bytes === undefined || bytes.length === 0) return undefined;
  if (type?.toLowerCase() !== 'application/json') throw onlyJson();
  if (!isUtf8(bytes)) throw malformedJson('The body is not UTF-8. Send JSON encoded in UTF-8.');
  return parse(bytes.toString());
}

const onlyJson = () => unsupportedMediaType('Send the body as application/json.');

function parse(text: string): unknown {
  let fault: Error | null = null;
  let value: unknown;
  parser(NO_REQUEST, text, (error, parsed: unknown) => {
    fault = error;
    value = parsed;
  });
  if (fault !== null) throw fault;
  return value;
}

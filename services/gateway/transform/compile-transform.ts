import type { IncomingHttpHeaders } from 'node:http';
import { malformedJson, unsupportedMediaType } from '@tenantry/kernel/problems.ts';
import type { Transform } from '../contract/transform.ts';
import { upstreamAnswerUnusable } from '../problems.ts';
import { parametersOf, REST } from '../products/path-tree.ts';
import { changeBody, compileBodyChanges } from './body-changes.ts';
import { changeHeaderFields, changeHeaderPairs, compileHeaderChanges } from './header-changes.ts';
import { isJsonType, readExactJson, writeJson } from './json-text.ts';
import { changePath, changeQuery, compilePathChanges, compileQueryChanges } from './target-changes.ts';
import { knownVariables, type Variables } from './template.ts';

type Target = { readonly path: string; readonly query: string };

/** A route's transformation, ready to run. Where nothing is declared, what comes goes. */
export type CompiledTransform = {
  readonly stripPrefix: string;
  readonly mapsRequestBody: boolean;
  readonly mapsResponseBody: boolean;
  readonly target: (target: Target, variables: Variables) => Target;
  readonly requestHeaders: (pairs: string[], variables: Variables) => string[];
  readonly requestBody: (body: Buffer, pairs: readonly string[], variables: Variables) => Buffer;
  readonly responseHeaders: (fields: IncomingHttpHeaders, variables: Variables) => IncomingHttpHeaders;
  readonly responseBody: (body: Buffer, variables: Variables) => Buffer;
};

/** Compiled once per route and change; throws for a transformation that registration would have refused. */
export function compileTransform(transform: Transform, route: { path: string; isPublic: boolean }): CompiledTransform {
  const parameters = parametersOf(route.path);
  const known = knownVariables(route.path.endsWith('/*') ? [...parameters, REST] : parameters, route.isPublic);
  const path = compilePathChanges(transform.request?.path, known);
  const query = compileQueryChanges(transform.request?.query ?? [], known);
  const headers = compileHeaderChanges(transform.request?.headers ?? [], known);
  const body = compileBodyChanges(transform.request?.body ?? [], known);
  const answerHeaders = compileHeaderChanges(transform.response?.headers ?? [], known);
  const answerBody = compileBodyChanges(transform.response?.body ?? [], known);
  return {
    stripPrefix: path.stripPrefix,
    mapsRequestBody: body.length > 0,
    mapsResponseBody: answerBody.length > 0,
    target: (target, variables) => ({
      path: changePath(path, target.path, variables),
      query: query.length === 0 ? target.query : changeQuery(query, target.query, variables),
    }),
    requestHeaders: (pairs, variables) => (headers.length === 0 ? pairs : changeHeaderPairs(headers, pairs, variables)),
    requestBody(bytes, pairs, variables) {
      if (body.length === 0 || bytes.length === 0 || !isJsonType(headerOf(pairs, 'content-type'))) return bytes;
      // A mapping that could be gone around by packing the body would be none.
      if (headerOf(pairs, 'content-encoding') !== undefined)
        throw unsupportedMediaType('This route changes JSON bodies: send them without Content-Encoding.');
      try {
        return writeJson(changeBody(body, readExactJson(bytes), variables));
      } catch (cause) {
        throw malformedJson('The body is not valid JSON. Send one JSON object in UTF-8.', { cause });
      }
    },
    responseHeaders: (fields, variables) =>
      answerHeaders.length === 0 ? fields : changeHeaderFields(answerHeaders, fields, variables),
    responseBody(bytes, variables) {
      if (bytes.length === 0) return bytes;
      try {
        return writeJson(changeBody(answerBody, readExactJson(bytes), variables));
      } catch (cause) {
        // Passing on what was to be changed could show what was to be hidden.
        throw upstreamAnswerUnusable(
          'The product answered with JSON that is none, and this route changes its answers.',
          {
            cause,
          },
        );
      }
    },
  };
}

function headerOf(pairs: readonly string[], name: string): string | undefined {
  const index = pairs.findIndex((text, at) => at % 2 === 0 && text === name);
  return index === -1 ? undefined : pairs[index + 1];
}

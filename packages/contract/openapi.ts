import { statusOf } from '@tenantry/kernel/problem.ts';
import type { TSchema } from 'typebox';
import { type Endpoint, paramNames } from './endpoint.ts';

/** What a service registers with the hub and the gateway merges: one OpenAPI 3.1 operation per public endpoint. */
export type OpenApiOperation = {
  readonly path: string;
  readonly method: string;
  readonly operation: Readonly<Record<string, unknown>>;
};

const PROBLEM_CONTENT = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

const ALWAYS: readonly [status: string, description: string][] = [
  ['400', 'The request is not valid'],
  ['429', 'Too many requests'],
  ['502', 'A part of the system answered with what is not valid'],
  ['503', 'A part of the system is unavailable'],
  ['504', 'A part of the system did not answer in time'],
];
const GUARDED: readonly [status: string, description: string][] = [
  ['401', 'Authentication is required'],
  ['403', 'Permission is missing'],
  ['404', 'Not found, or not yours'],
];

export function openApiOperation(endpoint: Endpoint, service: string): OpenApiOperation {
  const success: Record<string, unknown> = { description: 'Success' };
  if (endpoint.response !== null) success.content = { 'application/json': { schema: endpoint.response } };
  else if (endpoint.produces !== 'application/json') success.content = { [endpoint.produces]: {} };
  const responses: Record<string, unknown> = { [endpoint.status]: success };
  const refusals = new Map<string, string[]>();
  for (const [status, description] of endpoint.access === 'public' ? ALWAYS : [...ALWAYS, ...GUARDED])
    refusals.set(status, [description]);
  for (const { kind } of endpoint.problems) {
    const status = String(statusOf(kind));
    refusals.set(status, [...(refusals.get(status) ?? []), `\`${kind.code}\`: ${kind.title}`]);
  }
  for (const [status, lines] of [...refusals].toSorted())
    responses[status] = { description: lines.join('; '), content: PROBLEM_CONTENT };

  const operation: Record<string, unknown> = {
    operationId: endpoint.name,
    summary: endpoint.summary,
    tags: [service],
    parameters: [...pathParameters(endpoint), ...queryParameters(endpoint), ...headerParameters(endpoint)],
    responses,
    security: endpoint.access === 'public' ? [] : [{ bearer: [] }],
  };
  if (endpoint.permission !== null) operation['x-permission'] = `${endpoint.permission}@${endpoint.reach}`;
  if (endpoint.body !== null) {
    const content: Record<string, unknown> = { schema: endpoint.body };
    if (endpoint.example.body !== undefined) content.example = endpoint.example.body;
    operation.requestBody = { required: true, content: { 'application/json': content } };
  }
  return { path: endpoint.path.replaceAll(/:([A-Za-z]+)/g, '{$1}'), method: endpoint.method.toLowerCase(), operation };
}

const properties = (schema: TSchema): Readonly<Record<string, TSchema>> =>
  'properties' in schema ? (schema.properties as Record<string, TSchema>) : {};

const pathParameters = (endpoint: Endpoint): unknown[] =>
  paramNames(endpoint.path).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: properties(endpoint.params)[name] ?? { type: 'string' },
    ...(name in endpoint.example.params ? { example: endpoint.example.params[name] } : {}),
  }));

function queryParameters(endpoint: Endpoint): unknown[] {
  const required = 'required' in endpoint.query ? (endpoint.query.required as string[]) : [];
  return Object.entries(properties(endpoint.query)).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

const headerParameters = (endpoint: Endpoint): unknown[] =>
  endpoint.idempotency
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          schema: { type: 'string', minLength: 1, maxLength: 255 },
        },
      ]
    : [];

export type OpenApiDocument = Readonly<Record<string, unknown>> & { readonly paths: Readonly<Record<string, unknown>> };

/**
 * One document out of the operations of all services. Instances of one service repeat each other; two services that
 * claim the same operation are refused by the hub and by tests/contracts, not here: a document is better than none.
 */
export function openApiDocument(
  operations: readonly OpenApiOperation[],
  info: { version: string; serverUrl: string },
): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { path, method, operation } of operations.toSorted((a, b) => a.path.localeCompare(b.path))) {
    paths[path] = { ...paths[path], [method]: operation };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Tenantry', version: info.version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: info.serverUrl }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An access token of /v1/auth/login' } },
      schemas: {
        Problem: {
          type: 'object',
          description: 'RFC 9457',
          required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId'],
          properties: {
            type: { type: 'string', format: 'uri' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            instance: { type: 'string' },
            code: { type: 'string' },
            traceId: { type: 'string' },
            errors: {
              type: 'array',
              items: {
                type: 'object',
                required: ['path', 'message'],
                properties: { path: { type: 'string' }, message: { type: 'string' } },
              },
            },
          },
        },
      },
    },
  };
}

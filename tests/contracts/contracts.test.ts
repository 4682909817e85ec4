import { type Endpoint, paramNames } from '@tenantry/contract/endpoint.ts';
import { openApiDocument, openApiOperation } from '@tenantry/contract/openapi.ts';
import { openApiFaults } from '@tenantry/contract/test/openapi-faults.ts';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { loadContracts } from './load-contracts.ts';

const { endpoints, events, problems } = await loadContracts();

/** What clients can reach through the gateway. */
const routed = endpoints.filter(({ value }) => value.access !== 'services');

const faultsOf = (schema: TSchema, value: unknown): string[] =>
  Value.Errors(schema, value).map((error) => `${error.instancePath} ${error.message}`);

const propertiesOf = (schema: TSchema): string[] =>
  'properties' in schema ? Object.keys(schema.properties as object) : [];

/** Answers of idempotent requests are kept for a day, and a secret that works once must not be kept readable at all. */
const ANSWERS_A_SECRET = new Set(['notifications.create-telegram-link']);

/** Two paths that a router cannot tell apart have the same shape, whatever their parameters are called. */
const shapeOf = ({ method, path }: Endpoint): string => `${method} ${path.replaceAll(/:[A-Za-z]+/g, ':')}`;

function repeated(texts: readonly string[]): string[] {
  return texts.filter((text, index) => texts.indexOf(text) !== index);
}

/** Objects inside a schema that take fields they do not name. */
function openObjects(schema: unknown, at = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const open = 'properties' in schema && !('additionalProperties' in schema) ? [at === '' ? '/' : at] : [];
  return [...open, ...Object.entries(schema).flatMap(([key, inner]) => openObjects(inner, `${at}/${key}`))];
}

describe('The contracts of all services', () => {
  it('are found: every service has endpoints', () => {
    const services = new Set(endpoints.map(({ service }) => service));
    expect([...services].toSorted()).toEqual(
      ['billing', 'gateway', 'hub', 'notifications', 'payments', 'subscriptions', 'users'].toSorted(),
    );
    expect(endpoints.length).toBeGreaterThan(40);
    expect(events.length).toBeGreaterThan(10);
  });

  it('have names that are unique in the system', () => {
    expect(repeated(endpoints.map(({ value }) => value.name))).toEqual([]);
  });

  it('never claim one method and path twice: at the gateway, or in one service', () => {
    expect(repeated(routed.map(({ value }) => shapeOf(value)))).toEqual([]);
    expect(repeated(endpoints.map(({ service, value }) => `${service} ${shapeOf(value)}`))).toEqual([]);
  });

  it('make one valid OpenAPI 3.1 document', () => {
    const operations = routed.map(({ service, value }) => openApiOperation(value, service));
    expect(openApiFaults(openApiDocument(operations, { version: '0', serverUrl: 'http://localhost:8000' }))).toEqual(
      [],
    );
  });
});

describe.each(endpoints.map(({ service, value }) => [value.name, service, value] as const))(
  '%s',
  (name, service, endpoint) => {
    it('is named after its service', () => {
      expect(name).toMatch(/^[a-z]+\.[a-z]+(-[a-z]+)*$/);
      expect(name.split('.')[0]).toBe(service);
    });

    it('declares exactly the parameters of its path', () => {
      expect(propertiesOf(endpoint.params).toSorted()).toEqual(paramNames(endpoint.path).toSorted());
    });

    it('lives where its audience looks', () => {
      const roots =
        endpoint.access !== 'services' ? /^\/(v1|\.well-known)\// : service === 'hub' ? /^\/v1\// : /^\/internal\//;
      expect(endpoint.path).toMatch(roots);
      if (endpoint.access === 'principal') expect(endpoint.permission).toMatch(/^[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*$/);
    });

    it('is called by services that there are, and never by its own', () => {
      if (endpoint.callers === 'any') return;
      expect(endpoint.callers.length).toBeGreaterThan(0);
      for (const caller of endpoint.callers) expect(endpoints.some((other) => other.service === caller)).toBe(true);
      expect(endpoint.callers).not.toContain(service === 'gateway' ? '' : service);
    });

    it('takes a body only where a method means one, and no field that it does not name', () => {
      if (endpoint.method === 'GET' || endpoint.method === 'DELETE') expect(endpoint.body).toBeNull();
      // Providers add fields to their webhooks without notice.
      if (!endpoint.path.startsWith('/v1/webhooks/')) expect(openObjects(endpoint.body)).toEqual([]);
      expect([...openObjects(endpoint.params), ...openObjects(endpoint.query)]).toEqual([]);
    });

    it('shows an example that it would accept itself', () => {
      const { params, query, body } = endpoint.example;
      if (endpoint.access !== 'services') {
        expect(Object.keys(params).toSorted()).toEqual(paramNames(endpoint.path).toSorted());
        if (endpoint.body !== null) expect(body).toBeDefined();
      }
      if (Object.keys(params).length > 0) expect(faultsOf(endpoint.params, params)).toEqual([]);
      if (endpoint.access !== 'services' || Object.keys(query).length > 0)
        expect(faultsOf(endpoint.query, Value.Convert(endpoint.query, query))).toEqual([]);
      if (endpoint.body === null) expect(body).toBeUndefined();
      else if (body !== undefined) expect(faultsOf(endpoint.body, body)).toEqual([]);
    });

    it('honours Idempotency-Key where something is created, and only where there is a principal', () => {
      const creates = endpoint.method === 'POST' && endpoint.status === 201 && endpoint.access === 'principal';
      if (creates && !ANSWERS_A_SECRET.has(name)) expect(endpoint.idempotency).toBe(true);
      if (endpoint.idempotency) {
        expect(endpoint.method).toBe('POST');
        expect(endpoint.access).toBe('principal');
        expect(endpoint.path).not.toMatch(/^\/v1\/auth\//);
      }
    });

    it('answers with the status that says what it does', () => {
      if (endpoint.response === null && endpoint.produces === 'application/json') expect(endpoint.status).toBe(204);
      if (endpoint.status === 204) expect(endpoint.response).toBeNull();
      if (endpoint.method === 'GET') expect(endpoint.status).toBe(200);
    });
  },
);

describe('Events', () => {
  it('have types that are unique and named after the service that tells them', () => {
    expect(repeated(events.map(({ value }) => value.type))).toEqual([]);
    for (const { service, value } of events) {
      expect(value.type).toMatch(/^[a-z]+\.[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9]\d*$/);
      expect(value.service).toBe(service);
    }
  });

  it.each(events.map(({ value }) => [value.type, value] as const))(
    '%s carries no personal data and no secret',
    (_type, { data }) => {
      const fields = JSON.stringify(data).match(/"properties":\{.*/)?.[0] ?? '';
      expect(fields).not.toMatch(/"(email|name|password|token|secret|npwp|phone|address|serverKey)":/i);
    },
  );
});

describe('Problems', () => {
  it('of one code mean one thing everywhere', () => {
    const meanings = Map.groupBy(
      [...problems.map(({ value }) => value), ...endpoints.flatMap(({ value }) => value.problems)],
      ({ kind }) => kind.code,
    );
    for (const [code, same] of meanings) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(new Set(same.map(({ kind }) => `${kind.category} ${kind.title}`)).size, code).toBe(1);
    }
  });
});

import { notFound } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { endpoint, paramNames } from './endpoint.ts';
import { event } from './event.ts';
import { Closed, IdSchema } from './schemas.ts';

describe('An endpoint', () => {
  it('that says only what it must is guarded, closed, not idempotent, and answers nothing', () => {
    const logout = endpoint({
      name: 'users.logout',
      method: 'POST',
      path: '/v1/auth/logout',
      summary: 'End the session',
      permission: 'session:end',
      reach: 'own',
    });
    expect(logout).toMatchObject({
      access: 'principal',
      permission: 'session:end',
      reach: 'own',
      status: 204,
      produces: 'application/json',
      body: null,
      response: null,
      problems: [],
      example: { params: {}, query: {}, body: undefined },
      idempotency: false,
      rateLimit: null,
      maxBodyBytes: 131_072,
    });
    expect(logout.params).toMatchObject({ additionalProperties: false, properties: {} });
    expect(logout.query).toMatchObject({ additionalProperties: false, properties: {} });
  });

  it('that answers something is a 200, whether JSON or a file, unless it says otherwise', () => {
    const common = { method: 'GET', path: '/x', summary: 'X', access: 'public' } as const;
    expect(endpoint({ ...common, name: 'a.b', response: Closed({}) }).status).toBe(200);
    expect(endpoint({ ...common, name: 'a.c', produces: 'application/pdf' }).status).toBe(200);
    expect(endpoint({ ...common, name: 'a.d', response: Closed({}), status: 202 }).status).toBe(202);
  });

  it('without a permission is public or for services, by what it says', () => {
    const common = { method: 'GET', path: '/x', summary: 'X' } as const;
    expect(endpoint({ ...common, name: 'a.b', access: 'public' })).toMatchObject({
      access: 'public',
      permission: null,
      reach: null,
    });
    expect(endpoint({ ...common, name: 'a.c', access: 'services', callers: 'any' })).toMatchObject({
      access: 'services',
      callers: 'any',
      permission: null,
    });
  });

  it('keeps everything else as it was said', () => {
    const body = Closed({ amount: Type.Integer() });
    const made = endpoint({
      name: 'a.b',
      method: 'POST',
      path: '/x/:xId',
      summary: 'X',
      permission: 'x:use',
      reach: 'platform',
      params: Closed({ xId: IdSchema('inv') }),
      body,
      problems: [notFound],
      example: { params: { xId: 'inv_01h455vb4pex5vsknk084sn02q' }, body: { amount: 1 } },
      idempotency: true,
      rateLimit: { limit: 5, windowSeconds: 60 },
      maxBodyBytes: 10,
    });
    expect(made.body).toBe(body);
    expect(made).toMatchObject({
      reach: 'platform',
      problems: [notFound],
      example: { params: { xId: 'inv_01h455vb4pex5vsknk084sn02q' }, query: {}, body: { amount: 1 } },
      idempotency: true,
      rateLimit: { limit: 5, windowSeconds: 60 },
      maxBodyBytes: 10,
    });
  });
});

describe('A path', () => {
  it('names its parameters in order', () => {
    expect(paramNames('/v1/users/:userId/sessions/:sessionId')).toEqual(['userId', 'sessionId']);
    expect(paramNames('/v1/users')).toEqual([]);
  });
});

describe('An event', () => {
  it('names its service and aggregate in its type', () => {
    expect(event('billing.invoice.paid.v1', Closed({}))).toMatchObject({
      type: 'billing.invoice.paid.v1',
      service: 'billing',
      aggregate: 'invoice',
    });
  });
});

import { defineProblem } from '@tenantry/kernel/problem.ts';
import { forbidden, unauthenticated, upstreamUnavailable, validationFailed } from '@tenantry/kernel/problems.ts';
import { describe, expect, it } from 'vitest';
import { renderProblem } from './problem-body.ts';

const context = { instance: '/v1/invoices/inv_1', traceId: 'abc' };

describe('A problem as it leaves', () => {
  it('has everything that RFC 9457 and we promise', () => {
    const rendered = renderProblem(
      forbidden('This needs invoice:void.', { extensions: { requiredPermission: 'invoice:void' } }),
      context,
    );
    expect(rendered.status).toBe(403);
    expect(rendered.headers).toEqual({ 'content-type': 'application/problem+json; charset=utf-8' });
    expect(rendered.body).toEqual({
      type: 'https://tenantry.dev/problems/forbidden',
      title: 'Permission is missing',
      status: 403,
      detail: 'This needs invoice:void.',
      instance: '/v1/invoices/inv_1',
      code: 'forbidden',
      traceId: 'abc',
      requiredPermission: 'invoice:void',
    });
  });

  it('has the faults of the input', () => {
    const errors = [{ path: '/amount', message: 'is required' }];
    expect(renderProblem(validationFailed('No.', { errors }), context).body.errors).toEqual(errors);
    expect('errors' in renderProblem(validationFailed('No.'), context).body).toBe(false);
  });

  it('says when to come back, and how to authenticate', () => {
    expect(renderProblem(upstreamUnavailable('No.', { retryAfterSeconds: 7 }), context).headers['retry-after']).toBe(
      '7',
    );
    expect(renderProblem(unauthenticated('No.'), context).headers['www-authenticate']).toMatch(/^Bearer/);
  });

  it('keeps its cause to itself', () => {
    const cause = new Error('password authentication failed for user "billing_app"');
    const rendered = renderProblem(upstreamUnavailable('Try again.', { cause }), context);
    expect(JSON.stringify(rendered)).not.toContain('billing_app');
  });

  it('may be of a kind that a service made up', () => {
    const botTaken = defineProblem({ code: 'bot-taken', category: 'conflict', title: 'Taken' });
    expect(renderProblem(botTaken('No.'), context)).toMatchObject({ status: 409, body: { code: 'bot-taken' } });
  });
});

describe('What is no problem', () => {
  it.each<readonly [what: string, error: unknown]>([
    ['an error', new Error('select * from secret_table')],
    ['an error with a cause', new Error('secret_table', { cause: new Error('secret_table') })],
    ['an error of the database', Object.assign(new Error('secret_table'), { code: '23505', detail: 'secret_table' })],
    [
      'an error that names a status',
      Object.assign(new Error('secret_table'), { statusCode: 418, code: 'secret_table' }),
    ],
    ['a syntax error of our own', new SyntaxError('secret_table')],
    [
      'something that looks like a problem',
      { kind: { code: 'secret_table', category: 'invalid', title: 'x' }, message: 'secret_table' },
    ],
    ['a text', 'secret_table'],
    ['nothing', undefined],
    ['null', null],
  ])('such as %s, is a 500 that gives nothing away', (_what, error) => {
    const rendered = renderProblem(error, context);
    expect(rendered.status).toBe(500);
    expect(rendered.body).toEqual({
      type: 'https://tenantry.dev/problems/internal-error',
      title: 'Something went wrong on our side',
      status: 500,
      detail: 'We have been told. Try again; if it persists, report the traceId.',
      instance: '/v1/invoices/inv_1',
      code: 'internal-error',
      traceId: 'abc',
    });
  });
});

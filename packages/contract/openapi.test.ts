import { conflict, invalidTransition, notFound } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { type Endpoint, endpoint } from './endpoint.ts';
import { openApiDocument, openApiOperation } from './openapi.ts';
import { Closed, IdSchema, MoneySchema, PageOf, PageQuery } from './schemas.ts';
import { openApiFaults } from './test/openapi-faults.ts';

const INVOICE_ID = 'inv_01h455vb4pex5vsknk084sn02q';

const payInvoice = endpoint({
  name: 'billing.pay-invoice',
  method: 'POST',
  path: '/v1/invoices/:invoiceId/pay',
  summary: 'Pay',
  permission: 'invoice:pay',
  reach: 'own',
  status: 201,
  idempotency: true,
  params: Closed({ invoiceId: IdSchema('inv') }),
  body: Closed({ amount: Type.Optional(MoneySchema) }),
  response: Closed({ id: IdSchema('inv') }),
  problems: [conflict, invalidTransition, notFound],
  example: { params: { invoiceId: INVOICE_ID }, body: { amount: { amount: '1', currency: 'IDR' } } },
});
const listInvoices = endpoint({
  name: 'billing.list-invoices',
  method: 'GET',
  path: '/v1/invoices',
  summary: 'List',
  permission: 'invoice:read',
  reach: 'own',
  query: Closed({ ...PageQuery.properties, status: Type.String() }),
  response: PageOf(Closed({ id: IdSchema('inv') })),
});
const readPdf = endpoint({
  name: 'billing.read-pdf',
  method: 'GET',
  path: '/v1/invoices/:invoiceId/pdf',
  summary: 'PDF',
  access: 'public',
  params: Closed({ invoiceId: IdSchema('inv') }),
  produces: 'application/pdf',
});
const all: readonly Endpoint[] = [payInvoice, listInvoices, readPdf];
const documentOf = (endpoints: readonly Endpoint[]) =>
  openApiDocument(
    endpoints.map((one) => openApiOperation(one, 'billing')),
    { version: '1.0.0', serverUrl: 'http://localhost:8000' },
  );
type Operation = {
  readonly parameters: readonly Record<string, unknown>[];
  readonly responses: Readonly<Record<string, { description: string; content?: Record<string, unknown> }>>;
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, { example?: unknown }> };
  readonly security: unknown;
};
const operationOf = (one: Endpoint) => openApiOperation(one, 'billing').operation as unknown as Operation;

describe('The OpenAPI document', () => {
  it('is a valid OpenAPI 3.1 document', () => {
    expect(openApiFaults(documentOf(all))).toEqual([]);
  });

  it('puts the operations of one path together, and repeats nothing when instances do', () => {
    const twice = documentOf([...all, ...all]);
    expect(Object.keys(twice.paths)).toEqual([
      '/v1/invoices',
      '/v1/invoices/{invoiceId}/pay',
      '/v1/invoices/{invoiceId}/pdf',
    ]);
    expect(twice).toEqual(documentOf(all));
  });

  it('is the same in whatever order the services registered', () => {
    expect(JSON.stringify(documentOf(all.toReversed()).paths)).toBe(JSON.stringify(documentOf(all).paths));
  });
});

describe('An operation', () => {
  it('has every parameter of its path, required, with its schema and example', () => {
    expect(operationOf(payInvoice).parameters[0]).toMatchObject({
      name: 'invoiceId',
      in: 'path',
      required: true,
      example: INVOICE_ID,
      schema: { type: 'string' },
    });
  });

  it('says of each query parameter whether it is required', () => {
    const required = operationOf(listInvoices).parameters.map(({ name, in: place, required }) => [
      name,
      place,
      required,
    ]);
    expect(required).toEqual([
      ['limit', 'query', false],
      ['cursor', 'query', false],
      ['status', 'query', true],
    ]);
  });

  it('offers Idempotency-Key where it is honoured, and nowhere else', () => {
    const headers = (one: Endpoint) => operationOf(one).parameters.filter((parameter) => parameter.in === 'header');
    expect(headers(payInvoice)).toMatchObject([{ name: 'Idempotency-Key', required: false }]);
    expect(headers(listInvoices)).toEqual([]);
  });

  it('groups its problems by status and names their codes', () => {
    const { responses } = operationOf(payInvoice);
    expect(Object.keys(responses)).toEqual(['201', '400', '401', '403', '404', '409', '429', '502', '503', '504']);
    expect(responses['409']?.description).toBe(
      '`conflict`: Conflict with the current state; `invalid-transition`: Not possible in this state',
    );
    expect(responses['404']?.description).toContain('`not-found`');
    for (const [status, { content }] of Object.entries(responses))
      expect(Object.keys(content ?? {})).toEqual([status === '201' ? 'application/json' : 'application/problem+json']);
  });

  it('shows its example with its body', () => {
    expect(operationOf(payInvoice).requestBody).toMatchObject({
      required: true,
      content: { 'application/json': { example: { amount: { amount: '1', currency: 'IDR' } } } },
    });
    expect(operationOf(listInvoices).requestBody).toBeUndefined();
  });

  it('asks for a token unless it is public, and then promises no 401', () => {
    expect(operationOf(payInvoice).security).toEqual([{ bearer: [] }]);
    expect(operationOf(readPdf).security).toEqual([]);
    expect(Object.keys(operationOf(readPdf).responses)).toEqual(['200', '400', '429', '502', '503', '504']);
  });

  it('says which media type a file has', () => {
    expect(operationOf(readPdf).responses['200']?.content).toEqual({ 'application/pdf': {} });
  });
});

describe('The check of documents itself', () => {
  it.each<readonly [what: string, operations: (list: Endpoint) => Endpoint[]]>([
    ['an operationId used twice', (one) => [one, { ...one, path: '/v1/other' }]],
    [
      'an example that does not fit',
      () => [{ ...payInvoice, example: { ...payInvoice.example, body: { amount: 1 } } }],
    ],
    [
      'a path example that does not fit',
      () => [{ ...payInvoice, example: { ...payInvoice.example, params: { invoiceId: 'x' } } }],
    ],
    ['a pattern that does not compile', (one) => [{ ...one, response: Type.String({ pattern: '[' }) }]],
    ['a keyword that JSON Schema does not have', (one) => [{ ...one, response: Type.String({ maxLen: 3 }) }]],
    ['a path that is none', (one) => [{ ...one, path: 'v1' }]],
  ])('finds %s', (_what, spoil) => {
    expect(openApiFaults(documentOf(spoil(listInvoices)))).not.toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { changedFields, overruledFields } from './fields.ts';

const rate = (requestsPerSecond: number) => ({ requestsPerSecond, burstSeconds: 1 });

describe('What has changed between two layers', () => {
  it('is each value that came, went or is another one, by its pointer', () => {
    expect(
      changedFields(
        { weight: 2, cors: { allowedOrigins: ['https://a.example'], maxAgeSeconds: 5 } },
        { cors: { allowedOrigins: ['https://b.example'], maxAgeSeconds: 5, allowCredentials: false } },
      ),
    ).toEqual(['/cors/allowCredentials', '/cors/allowedOrigins', '/weight']);
  });

  it('counts a rate as one value and names routes so that their slashes are no levels', () => {
    const before = { rateLimits: { tenant: rate(1), routes: { 'POST /v1/payments': rate(1) } } };
    const after = { rateLimits: { tenant: rate(2), routes: { 'POST /v1/payments': rate(3) } } };
    expect(changedFields(before, after)).toEqual(['/rateLimits/routes/POST ~1v1~1payments', '/rateLimits/tenant']);
  });

  it('is nothing between equal layers, however they are written', () => {
    expect(changedFields({ weight: 1, cors: { maxAgeSeconds: 1 } }, { cors: { maxAgeSeconds: 1 }, weight: 1 })).toEqual(
      [],
    );
    expect(changedFields({ cors: {} }, {})).toEqual([]);
  });
});

describe('What is set in vain', () => {
  it('is what the later layer sets too, also to the same value, also to nothing', () => {
    expect(
      overruledFields(
        { cors: { allowedOrigins: ['https://a.example'], maxAgeSeconds: 5, allowCredentials: true } },
        { weight: 9, cors: { allowedOrigins: [], maxAgeSeconds: 5 } },
      ),
    ).toEqual(['/cors/allowedOrigins', '/cors/maxAgeSeconds']);
    expect(overruledFields({ cors: { maxAgeSeconds: 5 } }, {})).toEqual([]);
  });
});

import { idFromUuid, newId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAIN_DATABASE, readPlacement, readTenantDatabases } from './placement.ts';

const DATABASES = 'eu=postgres://127.0.0.1/eu,acme=postgres://127.0.0.1/acme?options=a%3Db';
const bornAt = (instant: string, tail = '7000-8000-000000000000'): TenantId => {
  const hex = Temporal.Instant.from(instant).epochMilliseconds.toString(16).padStart(12, '0');
  return idFromUuid('ten', `${hex.slice(0, 8)}-${hex.slice(8)}-${tail}`);
};

describe('Where tenants live', () => {
  it('is the main database unless something else is said', () => {
    const { databases, databaseOf } = readPlacement({ databases: '', placements: '' });
    expect(databases).toEqual([MAIN_DATABASE]);
    expect(databaseOf(newId('ten'))).toBe(MAIN_DATABASE);
  });

  it('is said of a tenant by its id, and of all new ones by when they were created', () => {
    const named = bornAt('2027-06-01T00:00:00Z');
    const { databases, databaseOf } = readPlacement({
      databases: DATABASES,
      placements: `${named}=acme, since:2027-01-01T00:00:00Z=eu, since:2028-01-01T00:00:00Z=main`,
    });
    expect(databases).toEqual([MAIN_DATABASE, 'eu', 'acme']);
    expect(databaseOf(named)).toBe('acme');
    expect(databaseOf(bornAt('2026-12-31T23:59:59.999Z', '7fff-bfff-ffffffffffff'))).toBe(MAIN_DATABASE);
    expect(databaseOf(bornAt('2027-01-01T00:00:00Z'))).toBe('eu');
    expect(databaseOf(bornAt('2027-12-31T23:59:59.999Z', '7fff-bfff-ffffffffffff'))).toBe('eu');
    expect(databaseOf(bornAt('2028-01-01T00:00:00Z'))).toBe(MAIN_DATABASE);
    expect(databaseOf(PLATFORM_TENANT_ID)).toBe(MAIN_DATABASE);
  });

  it('never depends on more of an id than its millisecond', () => {
    const limit = Temporal.Instant.from('2027-01-01T00:00:00Z').epochMilliseconds;
    const { databaseOf } = readPlacement({ databases: DATABASES, placements: 'since:2027-01-01T00:00:00Z=eu' });
    fc.assert(
      fc.property(fc.integer({ min: limit - 3, max: limit + 3 }), fc.bigInt(0n, 2n ** 62n - 1n), (ms, random) => {
        const tail = random.toString(16).padStart(16, '0');
        const instant = Temporal.Instant.fromEpochMilliseconds(ms).toString();
        const id = bornAt(instant, `7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(4)}`);
        expect(databaseOf(id)).toBe(ms < limit ? MAIN_DATABASE : 'eu');
      }),
    );
  });

  it.each([
    ['main=postgres://x', '', 'not main: main'],
    ['EU=postgres://x', '', ': EU'],
    ['eu', '', 'the database eu has no URL'],
    ['eu=postgres://a,eu=postgres://b', '', 'the database eu is named twice'],
    [DATABASES, `${PLATFORM_TENANT_ID}=us`, 'is placed in us, which is no database'],
    [DATABASES, `${PLATFORM_TENANT_ID}`, 'is placed in nothing'],
    [DATABASES, 'everybody=eu', "neither a tenant's id nor since:<instant>: everybody"],
    [DATABASES, 'since:tomorrow=eu', 'not an instant with its time zone: since:tomorrow'],
    [DATABASES, `${PLATFORM_TENANT_ID}=eu,${PLATFORM_TENANT_ID}=acme`, 'is placed twice'],
  ])('is refused when it cannot be meant: %s %s', (databases, placements, message) => {
    expect(() => readPlacement({ databases, placements })).toThrow(message);
  });

  it('never shows an URL when it refuses', () => {
    expect(() => readTenantDatabases('E=postgres://who:secret@host/a')).toThrow(/^(?!.*secret)/s);
  });
});

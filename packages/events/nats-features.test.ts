import { describe, expect, it } from 'vitest';
import { describeFeatures, featuresOf } from './nats-features.ts';

const NONE = { pluralFilters: false, compression: false, expiringMarks: false, consumerReset: false };

describe('What a NATS server can do', () => {
  it.each([
    ['2.9.10', NONE],
    ['2.9.25', NONE],
    ['2.10.0', { ...NONE, pluralFilters: true, compression: true }],
    ['2.11.17', { ...NONE, pluralFilters: true, compression: true, expiringMarks: true }],
    ['2.14.0', { pluralFilters: true, compression: true, expiringMarks: true, consumerReset: true }],
    ['2.15.0-preview.1', { pluralFilters: true, compression: true, expiringMarks: true, consumerReset: true }],
    ['3.0.1', { pluralFilters: true, compression: true, expiringMarks: true, consumerReset: true }],
    // Whoever does not say it is asked for nothing new.
    ['', NONE],
    ['development', NONE],
  ])('%s', (version, features) => {
    expect(featuresOf(version)).toEqual({ version, ...features });
  });

  it('is said in a line', () => {
    expect(describeFeatures(featuresOf('2.9.10'))).toBe('NATS 2.9.10: nothing beyond 2.9');
    expect(describeFeatures(featuresOf('2.11.2'))).toBe('NATS 2.11.2: pluralFilters, compression, expiringMarks');
  });
});

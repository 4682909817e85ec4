import { describe, expect, it } from 'vitest';
import { isGenuine } from './signature.ts';

// The worked example: SHA-512 of order id, status code, amount and key, as `openssl dgst -sha512` gives it.
const KEY = 'SB-Mid-server-TESTKEY0000000000';
const NOTIFICATION = {
  order_id: 'TENANT1-INV-0001',
  status_code: '200',
  gross_amount: '150000.00',
  signature_key:
    '71c505c9dc7b8cc7c24359da546d84572ce680a65974e032a75270e093abb79e' +
    '87eb5ccff7762b209260d18f717c1e8c91281fb6824280a26d9479a4f9651155',
};

describe('The signature of a notification', () => {
  it('fits the worked example', () => {
    expect(isGenuine(NOTIFICATION, KEY)).toBe(true);
  });
  it('fits nothing else', () => {
    expect(isGenuine(NOTIFICATION, `${KEY}1`)).toBe(false);
    expect(isGenuine({ ...NOTIFICATION, status_code: '201' }, KEY)).toBe(false);
    expect(isGenuine({ ...NOTIFICATION, gross_amount: '150000' }, KEY)).toBe(false);
    expect(isGenuine({ ...NOTIFICATION, signature_key: NOTIFICATION.signature_key.toUpperCase() }, KEY)).toBe(false);
    expect(isGenuine({ ...NOTIFICATION, signature_key: 'é'.repeat(64) }, KEY)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { signNotification } from './signature.ts';

const serverKey = 'SB-Mid-server-TESTKEY0000000000';
const sign = (statusCode: string, grossAmount = '150000.00'): string =>
  signNotification({ orderId: 'TENANT1-INV-0001', statusCode, grossAmount }, serverKey);

// computed independently with `openssl dgst -sha512`
describe('The signature of a notification', () => {
  it('matches the worked examples for the codes 200, 201 and 202', () => {
    expect(sign('200')).toBe(
      '71c505c9dc7b8cc7c24359da546d84572ce680a65974e032a75270e093abb79e87eb5ccff7762b209260d18f717c1e8c91281fb6824280a26d9479a4f9651155',
    );
    expect(sign('201')).toBe(
      '2bcf0c15312cbd00d6acdd85407a234c7416fccbb357c439cb4917c182785ce8d05da5ad9f88b5aeca731ed0c7e9b8a76b3102e5dd689306f9ff8e6986e84078',
    );
    expect(sign('202')).toBe(
      '235b5ad6e485d7e0c748083110af8d2f93d0ea038b55b83727d431a1a168de092f6ed2af7918f7f17eb103950097ebc50283c0742c6be2a234844c03e391bcbd',
    );
  });

  it('depends on the two decimals of the amount', () => {
    expect(sign('200', '150000')).toBe(
      '426f1b8f235f53ae3f06492e0d4561e1069bdc7d94307146481cdb8509ad86bb96840fb8b696a5038e7a125d343261b0d8ddc645fbb5ae51585f8f6cfb13f1c9',
    );
  });

  it("matches Midtrans' own published fixture", () => {
    const fields = { orderId: 'ORDER-sandbox-0001', statusCode: '200', grossAmount: '150000.00' };
    expect(signNotification(fields, 'SB-Mid-server-test')).toMatch(/^d65b4adf15335095fe1bfafe24964d48/);
  });
});

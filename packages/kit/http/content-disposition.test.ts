import { describe, expect, it } from 'vitest';
import { contentDisposition } from './content-disposition.ts';

describe('The name of a file', () => {
  it.each([
    ['ACME-2026-000001.pdf', 'attachment; filename="ACME-2026-000001.pdf"'],
    ['Rechnung März.pdf', `attachment; filename="Rechnung M_rz.pdf"; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf`],
    [
      'a"; filename="b.exe',
      `attachment; filename="a_; filename=_b.exe"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe`,
    ],
    ['../../etc/passwd', `attachment; filename=".._.._etc_passwd"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd`],
    ["it's (1).csv", `attachment; filename="it's (1).csv"`],
  ])('%j goes out as %s', (name, header) => {
    expect(contentDisposition(name)).toBe(header);
  });

  it('cannot end the header or break the encoding', () => {
    for (const name of ['a\r\nSet-Cookie: x=1', 'a\u0000b', '\ud800'])
      expect(contentDisposition(name)).toMatch(
        /^attachment; filename="[\x20-\x7e]*"(; filename\*=UTF-8''[A-Za-z0-9._~%-]*)?$/,
      );
  });
});

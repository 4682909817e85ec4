import { describe, expect, it } from 'vitest';
import { htmlToText, readLinks, readTokens } from './read-links.ts';

describe('Links of a message', () => {
  it('are those of the text, then those only the HTML has, without the full stop after them', () => {
    const html =
      '<a href="https://a.example/v?token=x&amp;lang=id">go</a> <a href=\'https://b.example/\'>b</a> <a href="mailto:a@b.c">m</a>';
    expect(readLinks('See https://a.example/v?token=x&lang=id. (https://c.example/d)', html)).toEqual([
      'https://a.example/v?token=x&lang=id',
      'https://c.example/d',
      'https://b.example/',
    ]);
  });

  it('carry tokens in the query or after the #, each once', () => {
    const links = [
      'https://a.example/?token=one%2D1',
      'https://a.example/?token=one-1',
      'https://a.example/#/verify?token=two',
      'https://a.example/#token=three',
      'https://a.example/?tokens=no',
    ];
    expect(readTokens(links)).toEqual(['one-1', 'two', 'three']);
  });

  it('are readable without a text part', () => {
    expect(htmlToText('<style>p{}</style><p>Halo&nbsp;Budi,</p>\n<p>Total &lt; Rp&#32;5<br>Lunas</p>')).toBe(
      'Halo Budi,\nTotal < Rp 5\nLunas',
    );
  });
});

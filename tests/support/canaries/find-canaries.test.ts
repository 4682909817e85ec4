import { describe, expect, it } from 'vitest';
import { findCanaries } from './find-canaries.ts';

const word = 'c0ffee4tea2milk9sugar';
const find = findCanaries([{ kind: 'drink', of: 'nobody', value: word }]);
const encodingsIn = (content: string | Buffer): readonly string[] =>
  find({ place: 'here', content }).map(({ encoding }) => encoding);

describe('A canary is found', () => {
  it.each(['', 'a', 'ab', 'abc', '?>?>?>', '\u00ff'.repeat(5)])(
    'in every encoding of a text that begins with "%s"',
    (before) => {
      const text = Buffer.from(`${before}${word}>?${before}`);
      expect(encodingsIn(text)).toEqual(['as it is']);
      expect(encodingsIn(text.toString('hex'))).toEqual(['hexadecimal']);
      expect(encodingsIn(text.toString('hex').toUpperCase())).toEqual(['hexadecimal']);
      expect(encodingsIn(JSON.stringify([...text]))).toEqual(['as numbers']);
      expect(encodingsIn(text.toString('base64'))).toEqual(['base64']);
      expect(encodingsIn(text.toString('base64url'))).toHaveLength(1);
    },
  );

  it('that is written in another way where it has other characters than letters and digits', () => {
    const password = 'p"é\\ %+<&9';
    const findPassword = findCanaries([{ kind: 'password', of: 'nobody', value: password }]);
    const isFound = (content: string): boolean => findPassword({ place: 'here', content }).length > 0;
    expect(isFound(`{"password":${JSON.stringify(password)}}`)).toBe(true);
    expect(isFound(`?password=${encodeURIComponent(password)}`)).toBe(true);
    expect(isFound('<i>p&quot;é\\ %+&lt;&amp;9</i>')).toBe(true);
    expect(isFound('p"é\\ %+<&8')).toBe(false);
  });

  it('as bytes, at the very beginning and the very end, and not where only a part of it is', () => {
    const bytes = Buffer.from('00ff10aa20bb30cc40', 'hex');
    const findBytes = findCanaries([{ kind: 'key', of: 'nobody', value: bytes }]);
    expect(findBytes({ place: 'here', content: bytes })).toHaveLength(1);
    expect(findBytes({ place: 'here', content: Buffer.concat([Buffer.alloc(9), bytes]) })).toHaveLength(1);
    expect(findBytes({ place: 'here', content: bytes.subarray(0, -1) })).toEqual([]);
    expect(findBytes({ place: 'here', content: '' })).toEqual([]);
  });

  it('with the place and what stands around it', () => {
    expect(find({ place: 'log', content: `{"name":"${word}"}\n` })).toEqual([
      { kind: 'drink', of: 'nobody', encoding: 'as it is', place: 'log', excerpt: `{"name":"${word}"}·` },
    ]);
  });

  it('or refused, when it is so short that it could be there by chance', () => {
    expect(() => findCanaries([{ kind: 'pin', of: 'nobody', value: '1234567' }])).toThrow('too short');
  });
});

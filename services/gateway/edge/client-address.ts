/** A socket's peer as we write it down: IPv4 without the IPv6 prefix that a dual-stack socket puts before it. */
export const clientAddressOf = (remoteAddress: string | undefined): string =>
  remoteAddress?.startsWith('::ffff:') === true
    ? remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')
    : (remoteAddress ?? 'unknown');

/** For counting: who has one IPv6 address has its whole /64, so that is one client. */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::')
    ? Array.from({ length: Math.max(8 - front.length - back.length, 0) }, () => '0')
    : [];
  return `${[...front, ...zeros, ...back].slice(0, 4).join(':')}::`;
}

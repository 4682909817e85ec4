import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { badRequest } from '../bot-api/errors.ts';

const CLOUD_PORTS = new Set([80, 88, 443, 8443]);

/** IANA special-purpose addresses that cannot be reached from the public internet. */
const RESERVED = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  RESERVED.addSubnet(address, prefix, 'ipv4');
}

const badWebhook = (reason: string) => badRequest(`bad webhook: ${reason}`);

/** Returns the address updates will go to. No update is posted to try it, as in the real server. */
export async function checkWebhookUrl(source: string, rules: 'local' | 'cloud', fixedIp: string): Promise<string> {
  const withScheme = source.includes('://') ? source : `https://${source}`;
  const url = URL.parse(withScheme);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw badRequest('invalid webhook URL specified');
  }
  if (rules === 'cloud') checkCloudRules(url);
  if (fixedIp !== '' && isIP(fixedIp) === 0) throw badWebhook('IP address is invalid');
  const address = fixedIp === '' ? await resolve(url.hostname.replace(/^\[|\]$/g, '')) : fixedIp;
  if (rules === 'cloud') {
    if (isIP(address) === 6) throw badWebhook('IPv6-only addresses are not allowed');
    if (RESERVED.check(address, 'ipv4')) throw badWebhook(`IP address ${address} is reserved`);
  }
  return address;
}

function checkCloudRules(url: URL): void {
  if (url.protocol !== 'https:') throw badWebhook('An HTTPS URL must be provided for webhook');
  if (!CLOUD_PORTS.has(Number(url.port || 443))) {
    throw badWebhook('Webhook can be set up only on ports 80, 88, 443 or 8443');
  }
}

async function resolve(hostname: string): Promise<string> {
  if (isIP(hostname) !== 0) return hostname;
  try {
    const { address } = await lookup(hostname, { order: 'ipv4first' });
    return address;
  } catch {
    throw badWebhook('Failed to resolve host: Name or service not known');
  }
}

import { fetchDebianServers } from './debian-servers.ts';
import { findOnPath } from './find-on-path.ts';
import { installHomebrewServers } from './homebrew-servers.ts';
import type { FindServersOptions, ServerPrograms } from './server-programs.ts';
import { StartFailure } from './start-failure.ts';

const underWay = new Map<string, Promise<ServerPrograms>>();

/**
 * The two servers that npm does not carry: from the PATH; else the distribution's packages, unpacked into a folder of
 * ours without touching the system; else Homebrew; else a sentence. Redis and NATS start at once and share one search.
 */
export function findServers(options: FindServersOptions): Promise<ServerPrograms> {
  const path = options.path ?? process.env['PATH'] ?? '';
  const key = `${options.serversDir}\0${path}`;
  const known = underWay.get(key);
  if (known !== undefined) return known;
  const found = searchServers({ ...options, path });
  underWay.set(key, found);
  // A failed search may be tried again: the network may be back.
  found.catch(() => underWay.delete(key));
  return found;
}

async function searchServers(options: FindServersOptions & { readonly path: string }): Promise<ServerPrograms> {
  const redis = findOnPath('redis-server', options.path);
  const nats = findOnPath('nats-server', options.path);
  if (redis !== undefined && nats !== undefined) return { redis: { command: redis }, nats: { command: nats } };
  const fetched = (await fetchDebianServers(options)) ?? (await installHomebrewServers(options));
  if (fetched !== undefined) {
    return {
      redis: redis === undefined ? fetched.redis : { command: redis },
      nats: nats === undefined ? fetched.nats : { command: nats },
    };
  }
  const missing = [redis === undefined ? 'redis-server' : '', nats === undefined ? 'nats-server' : ''].filter(Boolean);
  throw new StartFailure(
    `${missing.join(' and ')} cannot be found, and this machine has neither apt-get with dpkg-deb nor Homebrew. ` +
      'Install them so that they are on the PATH, or set REDIS_URL and NATS_URL to running servers.',
  );
}

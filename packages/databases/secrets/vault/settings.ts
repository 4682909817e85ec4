/** How to reach a Vault (HashiCorp's, or OpenBao), and who we are to it. */
export type VaultSettings = {
  /** `https://host:port`; plain http is refused but to this machine, as the token goes with every request. */
  readonly address: string;
  /** Empty for the root namespace. */
  readonly namespace: string;
  /** A PEM file with the authorities of the server's certificate; empty for those of the system. */
  readonly caFile: string;
  /** A KV version 2 engine of this system's own. */
  readonly kvMount: string;
  /** A transit engine of this system's own. */
  readonly transitMount: string;
  readonly auth: VaultAuth;
};

export type VaultAuth =
  /** Somebody else, an agent say, keeps a good token in this file. It is read anew when the token is refused. */
  | { readonly kind: 'token-file'; readonly file: string }
  | { readonly kind: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: string };

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const MOUNT = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

/** The first thing that is wrong, in a sentence that shows no value; null when nothing is. */
export function vaultFault(settings: VaultSettings): string | null {
  const url = URL.parse(settings.address);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return 'VAULT_ADDR must be https://host:port.';
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.pathname !== '/')
    return 'VAULT_ADDR is scheme, host and port alone; who we are to it is said by VAULT_TOKEN_FILE or VAULT_ROLE_ID.';
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    return 'VAULT_ADDR must begin with https:// unless the server is on this machine.';
  const mounts = [settings.kvMount, settings.transitMount];
  if (settings.auth.kind === 'approle') mounts.push(settings.auth.mount);
  if (!mounts.every((mount) => MOUNT.test(mount))) return 'A mount of Vault is a path of letters, digits, _ and -.';
  return null;
}

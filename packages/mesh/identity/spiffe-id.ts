/** Who a process is, as its certificate says it: a SPIFFE id (github.com/spiffe/spiffe, SPIFFE-ID.md) in the trust domain `tenantry`. */
export type SpiffeId = { readonly namespace: string; readonly service: string; readonly instanceId: string };

const FORM = /^spiffe:\/\/tenantry\/(-|[a-z0-9]{1,32})\/([a-z]{1,40})\/(([a-z]{1,40})-[a-z0-9-]{1,64})$/;
/** Node tells of alternative names as `URI:…, DNS:…`, and quotes those that hold what could be taken for another name. */
const ALTERNATIVE = /^URI:(spiffe:\/\/[a-z0-9/-]+)$/;

export const formatSpiffeId = ({ namespace, service, instanceId }: SpiffeId): string =>
  `spiffe://tenantry/${namespace === '' ? '-' : namespace}/${service}/${instanceId}`;

/** Null for anything that is not exactly such an id, or whose instance is of another service. */
export function parseSpiffeId(text: string): SpiffeId | null {
  const [, namespace, service, instanceId, ofInstance] = FORM.exec(text) ?? [];
  if (namespace === undefined || service === undefined || instanceId === undefined) return null;
  return ofInstance === service ? { namespace: namespace === '-' ? '' : namespace, service, instanceId } : null;
}

/** From the alternative names of a certificate as Node tells of them. One name alone, or nobody is meant (X509-SVID.md §5.2). */
export function spiffeIdIn(subjectAltName: string | undefined): SpiffeId | null {
  const uri = ALTERNATIVE.exec(subjectAltName ?? '')?.[1];
  return uri === undefined ? null : parseSpiffeId(uri);
}

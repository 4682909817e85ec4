/** What a NATS server can do for us beyond nats-server 2.9; without it everything works, only less well. */
export type NatsFeatures = {
  /** As the server says it; empty before there was a connection. */
  readonly version: string;
  /** 2.10: a consumer with several filter subjects. It is sent what its service hears, and nothing else. */
  readonly pluralFilters: boolean;
  /** 2.10: streams that are compressed on disk (S2), block by block. */
  readonly compression: boolean;
  /** 2.11 (ADR-43): a message with a life of its own. The mark of a removed key goes by itself. */
  readonly expiringMarks: boolean;
  /** 2.14 (ADR-60): a durable consumer begins again at its first unacknowledged message, without being made anew. */
  readonly consumerReset: boolean;
};

/** The one place that knows since when. */
const SINCE = {
  pluralFilters: [2, 10],
  compression: [2, 10],
  expiringMarks: [2, 11],
  consumerReset: [2, 14],
} as const satisfies Record<Exclude<keyof NatsFeatures, 'version'>, readonly [major: number, minor: number]>;

/**
 * @param version of the server that one is connected to. A preview counts as its release. In a cluster that is being
 *   upgraded it is one server's; see "Newer servers" in the README.
 */
export function featuresOf(version: string): NatsFeatures {
  const [, major, minor] = /^v?(\d+)\.(\d+)\./.exec(version) ?? [];
  const has = ([sinceMajor, sinceMinor]: readonly [number, number]): boolean =>
    Number(major) > sinceMajor || (Number(major) === sinceMajor && Number(minor) >= sinceMinor);
  return {
    version,
    pluralFilters: has(SINCE.pluralFilters),
    compression: has(SINCE.compression),
    expiringMarks: has(SINCE.expiringMarks),
    consumerReset: has(SINCE.consumerReset),
  };
}

/** In a few words, for the log. */
export function describeFeatures({ version, ...features }: NatsFeatures): string {
  const used = Object.entries(features).flatMap(([name, isThere]) => (isThere ? [name] : []));
  return `NATS ${version}: ${used.length === 0 ? 'nothing beyond 2.9' : used.join(', ')}`;
}

import type { EventDefinition } from '@tenantry/contract/event.ts';

type Json = Readonly<Record<string, unknown>>;

const ref = (path: string): Json => ({ $ref: `#/${path}` });

/**
 * docs/asyncapi.json (AsyncAPI 3.0.0): one channel per type, a subject of NATS with the tenant in it; `send` by the service
 * that tells it, `receive` by each that hears it.
 */
export function renderAsyncApi(
  events: readonly EventDefinition[],
  hearers: ReadonlyMap<string, readonly string[]>,
): string {
  const sorted = events.toSorted((one, other) => (one.type < other.type ? -1 : 1));
  const each = (make: (definition: EventDefinition) => Json): Json =>
    Object.fromEntries(sorted.map((definition) => [definition.type, make(definition)]));
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Events of Tenantry',
      version: '1',
      description:
        'CloudEvents 1.0 in JSON on NATS JetStream, at least once, in order per aggregate (`subject`). A tenant follows its own by GET /v1/events.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels: each(channelOf),
    operations: Object.fromEntries(sorted.flatMap((definition) => operationsOf(definition, hearers))),
    components: {
      messages: each(messageOf),
      parameters: { tenantId: { description: 'Whose event it is: `ten_…`.' } },
      schemas: { envelope: ENVELOPE },
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const channelOf = ({ type }: EventDefinition): Json => ({
  address: `evt.${type}.{tenantId}`,
  messages: { [type]: ref(`components/messages/${type}`) },
  parameters: { tenantId: ref('components/parameters/tenantId') },
});

const messageOf = ({ type, summary, aggregate, data, upcast }: EventDefinition): Json => ({
  name: type,
  title: type,
  summary,
  description: `About: ${aggregate}.${upcast === null ? '' : ` What was told as ${upcast.from.type} is read as this.`}`,
  contentType: 'application/json',
  payload: {
    allOf: [
      ref('components/schemas/envelope'),
      { type: 'object', properties: { type: { const: type }, data: JSON.parse(JSON.stringify(data)) as Json } },
    ],
  },
});

function operationsOf(
  { type, service }: EventDefinition,
  hearers: ReadonlyMap<string, readonly string[]>,
): readonly (readonly [string, Json])[] {
  const operation = (action: 'send' | 'receive'): Json => ({
    action,
    channel: ref(`channels/${type}`),
    messages: [ref(`channels/${type}/messages/${type}`)],
  });
  return [
    [`${service}.tells.${type}`, operation('send')],
    ...(hearers.get(type) ?? []).map((hearer) => [`${hearer}.hears.${type}`, operation('receive')] as const),
  ];
}

/** CloudEvents 1.0 §3, and our extension attributes. */
const ENVELOPE: Json = {
  type: 'object',
  required: [
    ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype'],
    ...['tenantid', 'aggregateversion', 'traceparent', 'data'],
  ],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', description: 'evt_…; a repeat has the same.' },
    source: { type: 'string', description: 'Which service told it.' },
    type: { type: 'string' },
    subject: { type: 'string', description: "The aggregate's id." },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    tenantid: { type: 'string' },
    aggregateversion: {
      type: 'integer',
      description: 'Of the aggregate after this fact; 0 for things that have none.',
    },
    traceparent: { type: 'string', description: 'W3C trace context.' },
    redriveof: { type: 'string', description: 'Of a dead letter that is driven again: the id that it had.' },
    redrivefor: { type: 'string', description: 'The one consumer that it is for; all others pass it over.' },
    data: {},
  },
};

export type Envelope =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly errorCode: number;
      readonly description: string;
      readonly retryAfterSeconds: number | null;
    };

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Every answer of the Bot API; what a gateway in front of it says instead (a page, nothing) becomes a refusal too. */
export function readEnvelope(status: number, text: string): Envelope {
  const body = parse(text);
  if (isRecord(body) && body.ok === true && status < 300) return { ok: true, result: body.result };
  if (!isRecord(body) || body.ok !== false) {
    const errorCode = status >= 400 ? status : 502;
    return { ok: false, errorCode, description: 'an answer that is no envelope', retryAfterSeconds: null };
  }
  const parameters = isRecord(body.parameters) ? body.parameters : {};
  return {
    ok: false,
    errorCode: typeof body.error_code === 'number' ? body.error_code : status,
    description: typeof body.description === 'string' ? body.description : '',
    retryAfterSeconds: typeof parameters.retry_after === 'number' ? parameters.retry_after : null,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

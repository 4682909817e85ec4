/** Reads a tenant's feed of events until one that fits has come. @returns all that came, as it came, and the position of the last event */
export async function followFeed(options: {
  readonly gateway: string;
  readonly token: string;
  readonly lastEventId?: string;
  /** Runs once the feed is open. */
  readonly whenOpen: () => Promise<unknown>;
  readonly until: (text: string) => boolean;
}): Promise<{ readonly status: number; readonly text: string; readonly lastEventId: string }> {
  const ending = new AbortController();
  const position = options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId };
  const answer = await fetch(`${options.gateway}/v1/events`, {
    headers: { authorization: `Bearer ${options.token}`, ...position },
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(30_000)]),
  });
  if (answer.status !== 200 || answer.body === null)
    return { status: answer.status, text: await answer.text(), lastEventId: '' };
  let text = '';
  const happened = options.whenOpen();
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString();
    if (options.until(text)) break;
  }
  await happened;
  ending.abort();
  return { status: 200, text, lastEventId: [...text.matchAll(/^id: ?(.+)$/gm)].at(-1)?.[1] ?? '' };
}

/** What a callback of somebody else throws is its own affair: it must reach nobody else's call. */
export function throwElsewhere(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Tells somebody something; what it throws is thrown elsewhere. */
export function tell<News extends unknown[]>(listen: ((...news: News) => void) | undefined, ...news: News): void {
  try {
    listen?.(...news);
  } catch (error) {
    throwElsewhere(error);
  }
}

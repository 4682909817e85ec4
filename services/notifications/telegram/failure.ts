/** What Telegram answered with `ok: false`, or with no envelope at all. Never holds the token or an address. */
export class TelegramRefused extends Error {
  override readonly name = 'TelegramRefused';
  readonly errorCode: number;
  /** For people and the log; branch on the code and the parameters, and on this only as a last resort. */
  readonly description: string;
  readonly retryAfterSeconds: number | null;

  constructor(errorCode: number, description: string, retryAfterSeconds: number | null) {
    super(`Telegram answered ${errorCode}: ${description}`);
    this.errorCode = errorCode;
    this.description = description;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer. */
export class TelegramUnreachable extends Error {
  override readonly name = 'TelegramUnreachable';
  /** Whether the call went out at all: false while the breaker is open or every place is taken. */
  readonly wasTried: boolean;
  /** The request was written and its answer lost, so it may have been carried out. */
  readonly mayHaveArrived: boolean;
  readonly retryAfterSeconds: number | null;

  constructor(
    options: { wasTried: boolean; mayHaveArrived: boolean; retryAfterSeconds: number | null },
    cause: unknown,
  ) {
    super(options.wasTried ? 'Telegram did not answer' : 'Telegram is not called for the moment', { cause });
    this.wasTried = options.wasTried;
    this.mayHaveArrived = options.mayHaveArrived;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

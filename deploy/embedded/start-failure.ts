import type { ChildExit } from './child-exit.ts';
import { lastLogLines } from './log-file.ts';

/** Something that was to be started did not start; the message is a sentence for the person at the terminal, without a stack. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly logLines: readonly string[];
  /** How it ended, if it ended. */
  readonly exit: ChildExit | undefined;

  constructor(
    sentence: string,
    logLines: readonly string[] = [],
    options?: ErrorOptions & { readonly exit?: ChildExit },
  ) {
    super(sentence, options);
    this.logLines = logLines;
    this.exit = options?.exit;
  }
}

/** Reads the cause off the log where it is a common one: the log's last lines alone seldom tell what to do. */
export function failureFromLog(
  name: string,
  happened: string,
  logFile: string,
  from: number,
  exit?: ChildExit,
): StartFailure {
  const options = exit === undefined ? {} : { exit };
  const lines = lastLogLines(logFile, from);
  const text = lines.join('\n');
  if (/No space left on device|ENOSPC/.test(text)) {
    return new StartFailure(
      `${name} ${happened} because the disk is full. Free some space and start again.`,
      lines,
      options,
    );
  }
  if (/Address already in use|EADDRINUSE|address already in use/.test(text)) {
    return new StartFailure(`${name} ${happened} because another program took its port meanwhile.`, lines, options);
  }
  return new StartFailure(`${name} ${happened}. Its log is ${logFile}.`, lines, options);
}

/** The second place stays 0. */
export type Beats = Int32Array<SharedArrayBuffer>;

/**
 * Looks at the beats of this process's main thread until there are none for `hangMs`, then ends the process. Runs in a
 * thread that knows nothing of this file but the text of this function: it may name nothing from outside of it. (A thread
 * that reads TypeScript by itself takes 20 MB more.)
 */
export function watchBeats(beats: Beats, hangMs: number, tell: (sentence: string) => void): void {
  // All looks must have been in vain: a machine that slept has let one pass, however long it was.
  const looks = 10;
  let seen = -1;
  let vainLooks = 0;
  while (vainLooks < looks) {
    Atomics.wait(beats, 1, 0, hangMs / looks); // nobody wakes it: this is a sleep
    const now = Atomics.load(beats, 0);
    vainLooks = now === seen ? vainLooks + 1 : 0;
    seen = now;
  }
  tell(`The event loop has stood still for ${hangMs / 1_000} s; this process ends to be started again.\n`);
  process.kill(process.pid, 'SIGKILL');
}

import { Duplex } from 'node:stream';

/**
 * Two ends of a connection in memory. What one writes the other reads a turn later, cut where `cut` says: a network that
 * does with every run of a property what the property tells it to.
 */
export function streamPair(cut: (bytes: number) => number = (bytes) => bytes): readonly [Duplex, Duplex] {
  const deliver = (bytes: Buffer, to: Duplex, done: () => void): void => {
    setImmediate(() => {
      if (to.destroyed) {
        done();
        return;
      }
      const length = Math.min(Math.max(cut(bytes.length), 1), bytes.length);
      to.push(bytes.subarray(0, length));
      if (length < bytes.length) deliver(bytes.subarray(length), to, done);
      else done();
    });
  };
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      allowHalfOpen: false,
      read: () => undefined,
      // Copied, as a kernel does: whoever writes may use the memory again.
      write: (bytes: Buffer, _encoding, done) => deliver(Buffer.from(bytes), other(), done),
      final: (done) => {
        setImmediate(() => {
          if (!other().destroyed) other().push(null);
          done();
        });
      },
      destroy: (error, done) => {
        setImmediate(() => {
          if (!other().destroyed) other().destroy();
        });
        done(error);
      },
    });
  const one: Duplex = make(() => two);
  const two: Duplex = make(() => one);
  return [one, two];
}

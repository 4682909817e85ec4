/**
 * How often a consumer that waits is told that its server still knows it. After two in silence it is made again: a server
 * that was started anew knows it no more, and one that loses a stream leaves a request of that instant without an answer.
 */
export const SIGN_OF_LIFE_MS = 4_000;

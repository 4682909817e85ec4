/** The provider answered, and its answer says nothing about the payment that we asked for. Not the same as being away. */
export class ToldNothing extends Error {
  override readonly name = 'ToldNothing';
}

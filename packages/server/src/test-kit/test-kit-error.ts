/** What a test asked of its kit cannot be. The message says what was expected, what was found, and where. */
export class TestKitError extends Error {
  override readonly name = 'TestKitError'
}

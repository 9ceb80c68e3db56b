/**
 * Programmer errors stop what they are in. An assertion states what must hold if our own code is right; what the
 * outside can do wrong is an operating error and never ends here.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new AssertionError(message)
}
